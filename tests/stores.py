"""Lives of a server's store: in memory, in SQLite, and in a real PostgreSQL.

A pytest plugin, named in pyproject.toml.
"""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bridge.cli.storing import Records, storing
from bridge.clock import SystemClock
from bridge.ports.clock import Clock
from bridge.settings import Settings

DURABLE = ("sqlite", "postgresql")


def life(
    url: str,
    *,
    calls: int = 1000,
    events: int = 2000,
    clock: Clock | None = None,
    **variables: str,
) -> AbstractAsyncContextManager[Records]:
    """Return what one life of a server keeps; leaving writes all of it, where it is stored."""
    settings = Settings.load(
        {
            "LIVEKIT_ENABLED": "false",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "MEDIABRIDGE_STORE_URL": url,
            "MEDIABRIDGE_HOST_ID": "front-a",
            "MEDIABRIDGE_RETENTION": "all",
            # The calls of tests are of another year.
            "MEDIABRIDGE_RETENTION_DAYS": "36500",
            "MEDIABRIDGE_RETAINED_CALLS": str(calls),
            "MEDIABRIDGE_RETAINED_EVENTS": str(events),
            **variables,
        }
    )
    return storing(settings, clock or SystemClock())


def new_store(kind: str, request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of a store that is not there yet."""
    match kind:
        case "sqlite":
            return f"sqlite:///{directory / 'calls.db'}"
        case "postgresql":
            url: str = request.getfixturevalue("postgresql").emptied_database()
            return url
    return "memory:"


@pytest.fixture(params=["memory", *DURABLE])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every kind of store, one after the other."""
    return new_store(request.param, request, tmp_path)


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every kind of store that outlives its server."""
    return new_store(request.param, request, tmp_path)
