"""Can the files be used that the settings name?"""

import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bridge.access.key_file import BadKeyFile, read_keys
from bridge.agents.loader import read_directory
from bridge.agents.surroundings import Surroundings
from bridge.api.tls import BadCertificates, CertificateFiles, expiry_of
from bridge.doctor.finding import Finding, failed, ok, skipped, warning
from bridge.files.checked import BadFile

AGENTS, TLS, KEYS, RECORDINGS = "agents", "tls", "keys", "recordings"

_SOON: Final = timedelta(days=14)


def check_agents(directory: Path, surroundings: Surroundings) -> list[Finding]:
    """Read every agent's file as the server would."""
    try:
        files = read_directory(directory, surroundings).files
    except OSError as error:
        advice = "Set MEDIABRIDGE_AGENTS_DIR to the directory of the agents' YAML files."
        return [failed(AGENTS, f"{directory} cannot be read: {error.strerror}", advice)]
    advice = "docs/agents.md says what may stand there; the other agents are served."
    bad = [
        failed(AGENTS, f"{directory / name}: {problem}", advice)
        for name, agent in files.items()
        if isinstance(agent, BadFile)
        for problem in agent.problems
    ]
    good = sum(not isinstance(agent, BadFile) for agent in files.values())
    if good == 0:
        advice = "A call needs an agent: write one as docs/agents.md shows."
        return [*bad, failed(AGENTS, f"{directory} holds no agent that can be used", advice)]
    return [*bad, ok(AGENTS, f"{directory} holds {good} agents")]


def check_certificate(files: CertificateFiles | None, now: datetime) -> Finding:
    if files is None:
        return skipped(TLS, "MEDIABRIDGE_TLS_CERT is not set: the API is served in the clear")
    try:
        expires_at = expiry_of(files, now)
    except BadCertificates as error:
        advice = (
            "MEDIABRIDGE_TLS_CERT and MEDIABRIDGE_TLS_KEY must be a pair, in PEM, and readable."
        )
        return failed(TLS, str(error), advice)
    said = f"the certificate is good until {expires_at:%Y-%m-%d}"
    if expires_at - now < _SOON:
        return warning(TLS, said, "Renew it; the server takes up the new files by itself.")
    return ok(TLS, said)


def check_keys(path: Path | None) -> Finding:
    if path is None:
        return skipped(KEYS, "MEDIABRIDGE_KEYS_FILE is not set")
    try:
        keys = read_keys(path)
    except BadKeyFile as error:
        return failed(KEYS, str(error), "Make it anew with `mediabridge keys create`.")
    return ok(KEYS, f"{path} holds {len(keys.keys)} keys")


def check_recordings(directory: Path | None) -> Finding:
    """Look whether recordings can be written, without writing one."""
    if directory is None:
        return skipped(RECORDINGS, "MEDIABRIDGE_RECORDINGS_DIR is not set")
    there = directory
    while not there.exists() and there != there.parent:
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        advice = "Name a directory that the server's user may write to, or may make."
        return failed(RECORDINGS, f"{directory} cannot be written to", advice)
    if there == directory and stat.S_IMODE(directory.stat().st_mode) & 0o077:
        advice = f"Recordings are files of mode 0600 all the same; chmod 700 {directory}."
        return warning(RECORDINGS, f"{directory} can be entered by others", advice)
    return ok(RECORDINGS, f"{directory} can be written to")
