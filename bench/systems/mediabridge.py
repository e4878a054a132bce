"""`mediabridge serve` with the simulator as its model."""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.stage import Behaviour, Stage, free_port, python
from bench.systems.base import READY_S, Running, Seat
from bridge.client import BridgeClient
from bridge.demo.stack import is_serving

_AGENTS: Final = Path(__file__).parent.parent / "agents"
_SLOTS: Final = 64


class Mediabridge:
    """The server's own process carries the calls, or workers of it."""

    def __init__(
        self,
        workers: int = 0,
        *,
        program: Sequence[str] = ("-m", "bridge.cli.main", "serve"),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name = f"mediabridge-{workers}-workers" if workers else "mediabridge"
        self._workers = workers
        self._program = program
        self._variables = variables

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        target, server = f"127.0.0.1:{free_port()}", stage.livekit
        async with AsyncExitStack() as parts:
            model = await parts.enter_async_context(stage.model(behaviour))
            serving = python(
                [sys.executable, *self._program],
                stage.folder / "mediabridge.log",
                LIVEKIT_SERVER_URL=server.url,
                LIVEKIT_API_KEY=server.api_key,
                LIVEKIT_API_SECRET=server.api_secret,
                OPENAI_BASE_URL=model.base_url,
                MEDIABRIDGE_LISTEN=target,
                MEDIABRIDGE_SLOTS=str(_SLOTS),
                MEDIABRIDGE_WORKERS=str(self._workers),
                MEDIABRIDGE_AGENTS_DIR=str(_AGENTS),
                MEDIABRIDGE_DRAIN_TIMEOUT="0",
                # As an operator runs it, with nothing left behind.
                MEDIABRIDGE_STORE_URL=f"sqlite:///{stage.folder / 'mediabridge.db'}",
                **self._variables,
            )
            child = await parts.enter_async_context(stage.alone(serving))
            await child.ready(lambda: is_serving(target), READY_S)
            client = await parts.enter_async_context(BridgeClient(target))
            await client.stats()  # connects: the first CreateRoom must not pay for that
            yield _RunningMediabridge(child.pid, model.trace, client, behaviour)


class _RunningMediabridge(Running):
    def __init__(self, pid: int, trace: Path, client: BridgeClient, agent_id: str) -> None:
        super().__init__(pid, trace)
        self._client = client
        self._agent_id = agent_id

    async def open_call(self, caller: int) -> Seat:  # noqa: ARG002 - its sound says who it is
        created = await self._client.create_room("bench", self._agent_id)
        return Seat(created.connection_id, created.server_url, created.access_token)

    async def close_call(self, seat: Seat) -> None:
        await self._client.end_call(seat.call_id)
