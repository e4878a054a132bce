"""Where do other systems live? Each in an environment of its own, from its own lock file."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent
_ENVIRONMENTS: Final = _ROOT / "var" / "bench"
_UV: Final = Path(sys.executable).parent / "uv"


class NotInstalled(Exception):
    """A system's packages cannot be had."""


def lock_of(name: str) -> Path:
    return _ROOT / "bench" / "systems" / name / "requirements.txt"


def install(name: str) -> Path:
    """Return the Python of a system's environment, made anew where its lock file has changed.

    :raises NotInstalled: its packages cannot be had.
    """
    folder, lock = _ENVIRONMENTS / name, lock_of(name)
    python, stamp = folder / "bin" / "python", folder / ".lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    _run("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    _run("pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock))
    stamp.write_text(digest)
    return python


def versions(name: str, *packages: str) -> dict[str, str]:
    """Return the versions that are locked."""
    pins = [
        line.split()[0].partition("==")
        for line in lock_of(name).read_text().splitlines()
        if "==" in line
    ]
    return {package: version for package, _, version in pins if package in packages}


def _run(*words: str) -> None:
    done = subprocess.run([_UV, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled(done.stderr[-2000:])
