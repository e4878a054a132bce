"""Other systems are installed from what is locked, by hash, and from nobody's own mirror."""

import re

import pytest

from bench import environments

_PEERS = ("livekit_agents", "pipecat")


@pytest.mark.parametrize("name", _PEERS)
def test_every_package_of_a_peer_is_pinned_by_hash(name: str) -> None:
    lock = environments.lock_of(name).read_text()
    packages = re.findall(r"^([a-z0-9][\w.-]*(?:\[[\w,-]+\])?)(.*)\\$", lock, re.MULTILINE)
    assert len(packages) > 20
    assert all(re.match(r"==\S+", version.strip()) for _, version in packages)
    assert lock.count("--hash=sha256:") >= len(packages)
    assert "://" not in lock


@pytest.mark.parametrize(
    ("name", "package"), [("livekit_agents", "livekit-agents"), ("pipecat", "pipecat-ai")]
)
def test_versions_that_are_measured_are_those_that_are_locked(name: str, package: str) -> None:
    (version,) = environments.versions(name, package).values()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
