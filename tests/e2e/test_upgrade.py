"""An upgrade as docs/operations.md says: a second server beside the first, which then drains."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.client import BridgeClient, UnavailableError
from bridge.room.caller import Caller
from bridge.simulator import Simulator
from bridge.store.database import opened, parse_url
from bridge.store.migrating import REVISION
from bridge.store.steps import revisions
from bridge.v1 import call_pb2
from tests.e2e.rig import BridgeProcess, bridge_process, called, ended, hears, ready, silence
from tests.livekit_server import LiveKitServer
from tests.postgresql import PostgreSql
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

# What makes a server of this release leave the store's schema where an earlier one had it.
_OF_BEFORE = """
from bridge.store import migrating

migrating.migrate.__defaults__ = ({revision!r},)
"""


async def answered(caller: Caller, hz: float) -> None:
    """Say a tone, and hear the agent's, an octave above."""
    await caller.play(tone(hz, 600) + silence(600))
    await hears(caller, 2 * hz)


async def schema_of(url: str) -> str | None:
    location = parse_url(url)
    assert location is not None
    async with opened(location) as engine, engine.connect() as connection:
        found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


class Upgrade:
    """Two releases at one LiveKit server and one store."""

    def __init__(
        self, livekit: LiveKitServer, simulator: Simulator, store_url: str, directory: Path
    ) -> None:
        self._livekit = livekit
        self._simulator = simulator
        self.store_url = store_url
        self._directory = directory

    @asynccontextmanager
    async def old(self) -> AsyncIterator[BridgeProcess]:
        """Run a server that has the schema of the release before."""
        before = self._directory / "before"
        before.mkdir()
        code = _OF_BEFORE.format(revision=revisions()[-2])
        (before / "sitecustomize.py").write_text(code)
        async with self._server("old", PYTHONPATH=str(before)) as running:
            yield running

    @asynccontextmanager
    async def new(self) -> AsyncIterator[BridgeProcess]:
        async with self._server("new") as running:
            yield running

    @asynccontextmanager
    async def _server(self, name: str, **more: str) -> AsyncIterator[BridgeProcess]:
        async with bridge_process(
            self._livekit,
            self._simulator.url,
            self._directory / f"{name}.log",
            MEDIABRIDGE_HOST_ID=name,
            MEDIABRIDGE_STORE_URL=self.store_url,
            MEDIABRIDGE_WORKERS="1",
            MEDIABRIDGE_DRAIN_TIMEOUT="60s",
            **more,
        ) as running:
            yield running


@pytest.fixture
def upgrade(
    livekit_server: LiveKitServer, simulator: Simulator, postgresql: PostgreSql, tmp_path: Path
) -> Upgrade:
    return Upgrade(livekit_server, simulator, postgresql.emptied_database(), tmp_path)


async def test_second_server_takes_over_while_the_first_one_s_calls_go_on(upgrade: Upgrade) -> None:
    async with (
        upgrade.old() as old,
        BridgeClient(old.address) as gateway,
        called(gateway, name="Ada") as (first, ada),
    ):
        await ready(gateway, first.connection_id)
        await answered(ada, 440)
        assert await schema_of(upgrade.store_url) == revisions()[-2]
        async with (
            upgrade.new() as new,
            BridgeClient(new.address) as other,
            called(other, name="Bob") as (second, bob),
        ):
            assert await schema_of(upgrade.store_url) == REVISION
            await ready(other, second.connection_id)
            old.terminate()
            await answered(bob, 500)
            with pytest.raises(UnavailableError) as refused:
                await gateway.create_room("Cy", "tester")
            assert refused.value.reason == "SERVER_DRAINING"
            # Over the connection it has, the gateway still reaches its call.
            status = await gateway.status(first.connection_id)
            assert status.call.state == call_pb2.CALL_STATE_ACTIVE
            await answered(ada, 600)
            await ada.hang_up()
            report = await ended(gateway, first.connection_id)
            assert report.call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
            assert await old.exit_status() == 0
            # What the one carried, the other answers for.
            kept = await other.report(first.connection_id)
            assert kept.call == report.call
            assert len(kept.turns) == 2
            await answered(bob, 650)
