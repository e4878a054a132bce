"""The caller speaks while the agent does: silence at once, and a model that knows of it."""

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.call import AgentState
from bridge.ports.event import Interruption
from bridge.ports.model_event import AudioDone, ResponseDone, ResponseStatus
from bridge.ports.usage import TokenCounts
from tests.fakes.model import Deleted, Responded, Truncated
from tests.tones import amplitude_at
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

_, LISTENING, THINKING, SPEAKING, _ = AgentState
CANCELLED = ResponseDone("r1", ResponseStatus.CANCELLED, TokenCounts())
COMPLETED = ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts())


def interruptions(talk: Talk) -> list[Interruption]:
    return [kind for kind in talk.kinds if isinstance(kind, Interruption)]


async def test_barge_in_clears_what_was_not_played(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(2000)
        await world.clock.advance(0.5)
        await talk.caller_begins()
        assert talk.output.queued_ms == 0
        heard = len(talk.output.played)
        await world.clock.advance(5)
        assert len(talk.output.played) == heard == pytest.approx(48_000, rel=0.02)
        assert talk.playout.counters.cleared_ms == pytest.approx(1500, abs=20)


async def test_model_is_cut_where_the_caller_stopped_hearing_it(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(2000)
        await world.clock.advance(0.5)
        await talk.caller_begins()
        (truncated,) = talk.session.sent
        assert isinstance(truncated, Truncated)
        assert (truncated.item_id, truncated.content_index) == ("i1", 0)
        assert truncated.audio_end_ms == pytest.approx(500, abs=5)
        (told,) = interruptions(talk)
        assert told.item_id == "i1"
        assert told.heard_ms == truncated.audio_end_ms
        assert told.received_ms == 2000
        (turn, _) = talk.turns
        assert turn.interrupted
        assert turn.agent_heard_ms == pytest.approx(500, abs=5)
        assert talk.conversation.voice.interruptions == 1


async def test_items_nobody_heard_are_deleted(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(300)
        talk.session.push(AudioDone("r1", "i1", 0))
        await talk.go_on(300, item="i2")
        await world.clock.advance(0.1)
        await talk.caller_begins()
        first, second = talk.session.sent
        assert isinstance(first, Truncated)
        assert first.item_id == "i1"
        assert second == Deleted("i2")
        assert len(interruptions(talk)) == 1


async def test_item_that_was_heard_wholly_stays_whole(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(200)
        talk.session.push(AudioDone("r1", "i1", 0))
        await talk.go_on(1000, item="i2")
        await world.clock.advance(0.5)
        await talk.caller_begins()
        (truncated,) = talk.session.sent
        assert isinstance(truncated, Truncated)
        assert truncated.item_id == "i2"
        assert truncated.audio_end_ms == pytest.approx(300, abs=10)
        assert talk.turns[0].agent_heard_ms == pytest.approx(500, abs=10)


async def test_deltas_still_under_way_are_dropped(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(1000, hz=440)
        await world.clock.advance(0.2)
        await talk.caller_begins()
        heard = len(talk.output.played)
        await talk.go_on(1000, hz=880)
        await talk.go_on(1000, item="i1b", hz=880)
        talk.session.push(CANCELLED)
        await world.clock.advance(3)
        assert len(talk.output.played) == heard
        assert talk.agent_states[-1] is LISTENING
        assert sum(turn.agent_heard_ms for turn in talk.turns) == pytest.approx(200, abs=5)


async def test_next_answer_is_heard(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(1000, hz=440)
        await world.clock.advance(0.2)
        await talk.caller_begins()
        talk.session.push(CANCELLED)
        await talk.caller_stops()
        before = len(talk.output.played)
        await talk.begin_answer(400, "r2", "i2", hz=880)
        await world.clock.advance(1)
        assert amplitude_at(talk.output.played[before:], 880) > 6000
        assert talk.agent_states == [
            *(THINKING, SPEAKING, LISTENING),
            *(THINKING, SPEAKING),
        ]


async def test_answer_that_is_done_but_still_heard_can_be_interrupted(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(1000)
        talk.session.push(AudioDone("r1", "i1", 0), COMPLETED)
        await world.clock.advance(0.3)
        await talk.caller_begins()
        assert len(interruptions(talk)) == 1
        assert isinstance(talk.session.sent[0], Truncated)


async def test_speech_into_silence_interrupts_nothing(world: World) -> None:
    async with talking(world) as talk:
        await talk.caller_begins()
        assert talk.session.sent == []
        assert interruptions(talk) == []
        assert talk.agent_states == [LISTENING]


async def test_agent_that_is_not_interruptible_speaks_on(world: World) -> None:
    async with talking(world, interruptible=False) as talk:
        await talk.begin_answer(1000)
        await world.clock.advance(0.3)
        await talk.caller_begins()
        await talk.caller_stops()
        assert talk.agent_states == [THINKING, SPEAKING]
        talk.session.push(AudioDone("r1", "i1", 0), COMPLETED)
        assert talk.session.sent == []
        await world.clock.advance(2)
        assert len(talk.output.played) == pytest.approx(96_000, rel=0.02)
        assert interruptions(talk) == []
        assert talk.session.sent == [Responded("turn", None, None)], "answered once it can be"


async def test_agent_that_is_not_interruptible_listens_while_it_does_not_speak(
    world: World,
) -> None:
    async with talking(world, interruptible=False) as talk:
        await talk.caller_begins()
        assert talk.agent_states == [LISTENING]


async def test_agent_listens_before_the_model_has_been_told(world: World) -> None:
    async with talking(world) as talk:
        kinds_when_told: list[AgentState] = []
        truncate = talk.session.truncate

        async def slow(item_id: str, content_index: int, audio_end_ms: int) -> None:
            kinds_when_told.append(talk.record.agent_state)
            await truncate(item_id, content_index, audio_end_ms)

        talk.session.truncate = slow  # type: ignore[method-assign]
        await talk.begin_answer(1000)
        await world.clock.advance(0.3)
        await talk.caller_begins()
        assert kinds_when_told == [LISTENING]


async def test_session_that_is_gone_when_it_is_to_be_cut_ends_the_talk(world: World) -> None:
    lost = ModelError(ModelFailure.LOST)
    queued_ms: list[float] = []

    async def barge_in() -> None:
        async with talking(world) as talk:

            async def gone(*_: object) -> None:
                queued_ms.append(talk.output.queued_ms)
                raise lost

            talk.session.truncate = gone  # type: ignore[assignment, method-assign]
            await talk.begin_answer(1000)
            await world.clock.advance(0.3)
            await talk.caller_begins()

    with pytest.raises(ExceptionGroup) as raised:
        await barge_in()
    assert raised.value.exceptions == (lost,)
    assert queued_ms == [0], "silence came first"


async def test_breaking_off_counts_what_was_heard_of_the_last_words(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(1000)
        await world.clock.advance(0.4)
        talk.conversation.voice.break_off()
        await talk.go_on(1000)
        await talk.go_on(1000, item="i2")
        await world.clock.advance(1)
        (turn,) = talk.turns
        assert turn.agent_heard_ms == pytest.approx(400, abs=5)
        assert not turn.interrupted
        assert interruptions(talk) == []
        assert talk.session.sent == []
