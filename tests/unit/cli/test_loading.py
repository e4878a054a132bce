"""What a process does not use it does not load: it would hold that as long as it lives."""

import subprocess
import sys

CARRYING = {"numpy", "soxr", "livekit.rtc", "bridge.calls.call", "bridge.media.playout"}
SERVING = {"sqlalchemy", "alembic", "prometheus_client", "aiohttp.web", "bridge.api.server", "yaml"}
UNUSED = {"opentelemetry", "mcp", "soundfile", "openai"}


def _loaded(program: str) -> set[str]:
    """Return the modules that a new Python has, once it has run a program."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.splitlines()[-1].split())


def test_a_front_loads_nothing_that_carries_calls() -> None:
    loaded = _loaded("import bridge.cli.server")
    assert not loaded & (CARRYING | UNUSED)


def test_a_worker_loads_nothing_that_serves() -> None:
    loaded = _loaded("import bridge.cli.worker")
    assert not loaded & (SERVING | UNUSED)
    assert loaded >= CARRYING
