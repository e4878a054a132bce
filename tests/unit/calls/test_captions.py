"""What the people of a call read in their room."""

from dataclasses import replace

from bridge.calls.captions import Captions
from bridge.ids import Identity
from bridge.ports.call import AgentState, StartPolicy
from bridge.ports.event import (
    AgentStateChanged,
    LinkState,
    ModelStateChanged,
    Role,
    Transcript,
)
from bridge.ports.model_event import AgentTextDone, SpeechStarted, UserTextDelta, UserTextDone
from bridge.ports.room import Segment
from bridge.ports.room_event import ChatReceived
from tests.fakes.agents import SPEC
from tests.fakes.clock import FakeClock, settle
from tests.fakes.room import FakeBot
from tests.unit.calls.rig import World, carrying

ADA, BEN = Identity("ada"), Identity("ben")


def make() -> tuple[Captions, FakeBot]:
    captions, bot = Captions(ADA), FakeBot(Identity("bot-1"), FakeClock())
    captions.show_by(bot)
    return captions, bot


def test_words_are_shown_in_the_name_of_who_said_them() -> None:
    captions, bot = make()
    captions.on(Transcript("u1", Role.USER, "Hi", final=False, speaker=BEN))
    captions.on(Transcript("u2", Role.USER, "Who knows", final=True))
    captions.on(Transcript("i1", Role.AGENT, "Hello.", final=True, speaker=Identity("bot-1")))
    captions.on(Transcript("u3", Role.USER, "", final=True))
    assert bot.segments == [
        Segment("u1", BEN, "Hi", final=False),
        Segment("u2", ADA, "Who knows", final=True),
        Segment("i1", None, "Hello.", final=True),
    ]


def test_the_agent_is_initializing_until_its_model_is_there() -> None:
    captions, bot = make()
    captions.on(ModelStateChanged(LinkState.CONNECTING))
    assert bot.agent_states == ["initializing"]
    captions.on(ModelStateChanged(LinkState.READY, "s1"))
    assert bot.agent_states == ["initializing", "idle"]


def test_a_bot_that_comes_late_shows_the_state_there_is() -> None:
    captions = Captions(ADA)
    captions.on(ModelStateChanged(LinkState.READY, "s1"))
    captions.on(Transcript("i1", Role.AGENT, "Nobody reads this.", final=True))
    bot = FakeBot(Identity("bot-1"), FakeClock())
    captions.show_by(bot)
    assert bot.agent_states == ["initializing", "idle"]
    assert bot.segments == []


def test_an_agent_that_waits_for_a_tool_is_seen_to_think() -> None:
    captions, bot = make()
    captions.show_by(bot)
    captions.on(AgentStateChanged(AgentState.TOOL))
    assert bot.agent_states[-1] == "thinking"


async def test_a_call_s_words_and_states_reach_its_room(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        call.session.push(SpeechStarted("u1", 0), UserTextDelta("u1", "What"))
        call.session.push(UserTextDone("u1", "What time?"), AgentTextDone("i1", 0, "Noon."))
        await settle()
        assert human.read == [
            Segment("u1", SPEC.caller_identity, "What", final=False),
            Segment("u1", SPEC.caller_identity, "What time?", final=True),
            Segment("i1", None, "Noon.", final=True),
        ]
        assert human.agent_states[:2] == ["initializing", "idle"]
        assert human.agent_states[-1] == "listening"


async def test_what_is_written_to_an_agent_that_is_not_there_is_answered_with_a_warning(
    world: World,
) -> None:
    async with carrying(world, replace(SPEC, start_policy=StartPolicy.ON_JOIN)) as call:
        call.bot.emit(ChatReceived(SPEC.caller_identity, "Hello?"))
        await settle()
        (incident,) = call.call.report().incidents
        assert incident.code == "chat_not_answered"
        assert "Hello?" not in incident.message
