"""A conversation without a call around it: a session, an output, and who carries between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.calls.conversation import Conversation
from bridge.calls.journal import Journal
from bridge.calls.record import CallRecord
from bridge.calls.speech.ears import Gate
from bridge.calls.tools.toolbox import ToolServices
from bridge.ids import Identity
from bridge.media.playout import Playout
from bridge.media.resample import to_room
from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.call import AgentState, CallSpec, Ending
from bridge.ports.event import AgentStateChanged, EventKind
from bridge.ports.model_event import AudioDelta, ResponseStarted, SpeechStarted, SpeechStopped
from bridge.ports.report import MediaTotals, Turn
from tests.fakes.agents import SPEC
from tests.fakes.clock import FakeClock, settle
from tests.fakes.model import Answers, FakeSession
from tests.fakes.sound import FakeOutput
from tests.tones import tone
from tests.unit.calls.rig import EPOCH, HOST, World

ADA = Identity("ada")


class FakeEars:
    """Ears that hear what a test says."""

    def __init__(self, clock: FakeClock) -> None:
        self.gate = Gate(clock)
        self.spoken = 0.0

    def loudest(self) -> Identity:
        return ADA

    def spoken_s(self, _since_s: float) -> float:
        return self.spoken


class Talk:
    """What a test does to a conversation, and what it sees of it."""

    def __init__(self, world: World, spec: CallSpec) -> None:
        self.clock: FakeClock = world.clock
        self.log = world.events
        self.session = FakeSession(1, spec.agent.model, Answers.NONE)
        self.output = FakeOutput(world.clock)
        self.playout = Playout(to_room(), self.output, world.clock)
        self.journal = Journal(
            SPEC.connection_id, EPOCH, world.clock, world.events, world.directory
        )
        self.kinds: list[EventKind] = []
        self.journal.follow(self.kinds.append)
        self.record = CallRecord(spec, HOST, world.clock, self.journal)
        self.tools = world.tools
        self.ears = FakeEars(world.clock)
        self.ends: list[Ending] = []
        self.conversation = Conversation(
            session=self.session,
            output=self.output,
            playout=self.playout,
            ears=self.ears,
            tools=ToolServices(world.tools, self.ends.append),
            record=self.record,
            clock=world.clock,
        )

    @property
    def agent_states(self) -> list[AgentState]:
        return [kind.state for kind in self.kinds if isinstance(kind, AgentStateChanged)]

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self.record.report(MediaTotals()).turns

    async def begin_answer(
        self, audio_ms: float = 1000, response: str = "r1", item: str = "i1", hz: float = 440
    ) -> None:
        """Let the model begin to speak a tone, all of it there at once."""
        self.session.push(ResponseStarted(response, None))
        await self.go_on(audio_ms, response, item, hz)

    async def go_on(
        self, audio_ms: float, response: str = "r1", item: str = "i1", hz: float = 440
    ) -> None:
        pcm = tone(hz, audio_ms, MODEL_RATE_HZ)
        self.session.push(AudioDelta(response, item, 0, pcm))
        await settle()

    async def caller_begins(self, item: str = "u1") -> None:
        self.session.push(SpeechStarted(item, 0))
        await settle()

    async def caller_stops(self, item: str = "u1") -> None:
        self.session.push(SpeechStopped(item, 0))
        await settle()


@asynccontextmanager
async def talking(
    world: World, *, interruptible: bool = True, spec: CallSpec = SPEC
) -> AsyncIterator[Talk]:
    if not interruptible:
        model = replace(spec.agent.model, interruptible=False)
        spec = replace(spec, agent=replace(spec.agent, model=model))
    talk = Talk(world, spec)
    async with asyncio.TaskGroup() as group:
        conversation = talk.conversation
        tasks = [
            group.create_task(talk.journal.run(talk.record.view)),
            group.create_task(conversation.listen()),
            group.create_task(conversation.voice.play()),
            group.create_task(conversation.voice.fall_silent()),
            group.create_task(conversation.turns.keep_time()),
            group.create_task(conversation.turns.ask_for_answers()),
        ]
        await settle()
        yield talk
        await settle()
        for task in tasks:
            task.cancel()
