"""Whatever a provider sends: the call goes on, or ends, and never by our fault."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError

from bridge.messages.events import logged
from bridge.model.session import RealtimeSession
from bridge.model.wire import IGNORED, Decoder
from bridge.ports.call import EndReason
from bridge.ports.clock import Clock
from bridge.ports.model_config import ModelConfig
from tests.effort import examples
from tests.fakes.agents import SPEC
from tests.fuzz.provider_events import event_types, mutated, payloads, type_of
from tests.simulation.specs import TOOLS
from tests.unit.calls.rig import World, assert_well_told, carrying

if TYPE_CHECKING:
    from bridge.model.socket import ModelSocket
    from tests.fakes.model import FakeModels

FRAMES_A_CALL = 25
# So far apart that some of the agent's sound is heard, and some is still to be.
_APART_S = 0.05
_WITH_TOOLS = replace(SPEC, agent=replace(SPEC.agent, model=replace(SPEC.agent.model, tools=TOOLS)))
_READ = [kind for kind in event_types() if type_of(kind) not in IGNORED]
_FRAMES = mutated(st.sampled_from([*event_types(), *_READ, *_READ]).flatmap(payloads))


class FramesSocket:
    """A socket on which some frames arrive, and then its end."""

    round_trip_ms = None

    def __init__(self, frames: list[bytes], clock: Clock) -> None:
        self._frames = deque(frames)
        self._clock = clock
        self._aborted = False

    def send_nowait(self, _frame: bytes) -> bool:
        return True

    async def send(self, _frame: bytes) -> None:
        return

    async def receive(self) -> bytes:
        await self._clock.sleep(_APART_S if self._frames else 3.0)
        if not self._frames or self._aborted:
            raise ConnectionClosedError(None, None)
        return self._frames.popleft()

    def abort(self) -> None:
        self._aborted = True

    async def aclose(self) -> None:
        self._aborted = True


class FramesModels:
    """A provider with one session to give."""

    def __init__(self, frames: list[bytes], clock: Clock) -> None:
        self._socket = FramesSocket(frames, clock)

    @asynccontextmanager
    async def open(self, config: ModelConfig) -> AsyncIterator[RealtimeSession]:
        async with RealtimeSession(
            cast("ModelSocket", self._socket),
            Decoder(),
            session_id="sess_1",
            config=config,
            outbox_ms=500,
            expires_in_s=None,
        ) as session:
            yield session


@given(st.lists(_FRAMES, min_size=FRAMES_A_CALL, max_size=FRAMES_A_CALL))
@examples(30)
async def test_no_event_of_a_provider_is_our_fault(frames: list[bytes]) -> None:
    world = World()
    world.models = cast("FakeModels", FramesModels(frames, world.clock))
    async with carrying(world, _WITH_TOOLS) as call:
        await call.join()
        await world.clock.advance(FRAMES_A_CALL * _APART_S)
        world.tools.break_all_down(ValueError("a defect"))
        await world.clock.advance(60)
        view = await call.ended()
    assert view.ending is not None
    assert view.ending.reason is not EndReason.INTERNAL, view.ending
    assert_well_told(world, call.spec)
    for event in call.told:
        logged(event)  # watchers of any language can be told it
