"""What the bridge wants the agent to say: its order, its moment, and what became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.calls.speech.delivery import Outcome
from bridge.calls.speech.utterances import MAX_WAITING
from bridge.ports.control import SayBehaviour
from bridge.ports.model_event import (
    SESSION_INTERRUPTED,
    AudioDelta,
    AudioDone,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.clock import settle
from tests.fakes.model import Cancelled, Responded, Truncated
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking


class Saying:
    """Says things in tasks of their own, and keeps what became of each."""

    def __init__(self, talk: Talk, group: asyncio.TaskGroup) -> None:
        self.talk = talk
        self.outcomes: dict[str, Outcome] = {}
        self._group = group

    async def say(
        self, text: str, behaviour: SayBehaviour = SayBehaviour.QUEUE, wait_s: float = 60
    ) -> asyncio.Task[None]:
        async def run() -> None:
            utterances = self.talk.conversation.utterances
            self.outcomes[text] = await utterances.say(
                text, tag=text, behaviour=behaviour, wait_s=wait_s
            )

        task = self._group.create_task(run())
        await settle()
        return task

    @property
    def asked(self) -> list[str]:
        return [sent.tag for sent in self.talk.session.sent if isinstance(sent, Responded)]


@asynccontextmanager
async def saying(world: World) -> AsyncIterator[Saying]:
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        yield Saying(talk, group)


def done(response: str, status: ResponseStatus, detail: str = "") -> ResponseDone:
    return ResponseDone(response, status, TokenCounts(), detail)


async def test_utterance_is_played_when_its_last_sound_was_heard(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        saying_.talk.session.answer("hello", audio_ms=1000)
        await world.clock.advance(0.95)
        assert saying_.outcomes == {}
        await world.clock.advance(0.1)
        assert saying_.outcomes == {"hello": Outcome.PLAYED}


async def test_utterance_is_played_although_an_answer_follows_without_a_pause(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        saying_.talk.session.answer("hello", audio_ms=500)
        saying_.talk.session.answer(audio_ms=5000)
        await world.clock.advance(1)
        assert saying_.outcomes == {"hello": Outcome.PLAYED}
        await world.clock.advance(5)


async def test_utterances_are_said_one_after_another(world: World) -> None:
    async with saying(world) as saying_:
        for text in ("one", "two", "three"):
            await saying_.say(text)
        for number, text in enumerate(("one", "two", "three"), 1):
            assert saying_.asked == ["one", "two", "three"][:number]
            saying_.talk.session.answer(text, audio_ms=200)
            await world.clock.advance(0.3)
        assert saying_.outcomes == dict.fromkeys(("one", "two", "three"), Outcome.PLAYED)


async def test_utterance_waits_until_nobody_speaks(world: World) -> None:
    async with saying(world) as saying_:
        talk = saying_.talk
        await talk.caller_begins()
        await saying_.say("hello", wait_s=100)
        await world.clock.advance(5)
        assert saying_.asked == [], "the caller speaks"
        await talk.caller_stops()
        await world.clock.advance(0.5)
        assert saying_.asked == [], "the model is about to answer"
        answer = talk.session.begin_answer(audio_ms=2000)
        await world.clock.advance(1)
        talk.session.end_answer(answer)
        await world.clock.advance(0.5)
        assert saying_.asked == [], "the answer is still heard"
        await world.clock.advance(0.6)
        assert saying_.asked == ["hello"]
        talk.session.answer("hello")
        await world.clock.advance(1)


async def test_turn_that_is_never_answered_holds_up_nothing(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.caller_begins()
        await saying_.talk.caller_stops()
        await saying_.say("hello")
        await world.clock.advance(5)
        assert saying_.asked == ["hello"]
        saying_.talk.session.answer("hello")
        await world.clock.advance(1)


async def test_utterance_that_waits_too_long_is_refused(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.caller_begins()
        await saying_.say("hello", wait_s=3)
        await saying_.say("there", wait_s=2)
        await world.clock.advance(2.5)
        assert saying_.outcomes == {"there": Outcome.REFUSED}
        await world.clock.advance(1)
        assert saying_.outcomes["hello"] is Outcome.REFUSED
        assert saying_.asked == []


async def test_more_utterances_than_may_wait_are_refused(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.caller_begins()
        for number in range(MAX_WAITING + 1):
            await saying_.say(f"waits {number}", wait_s=1)
        await saying_.say("one more", wait_s=1)
        assert saying_.outcomes == {"one more": Outcome.REFUSED}
        await world.clock.advance(2)


async def test_utterance_that_may_not_wait_is_refused_at_once(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.begin_answer(500)
        await saying_.say("hello", SayBehaviour.REFUSE)
        assert saying_.outcomes == {"hello": Outcome.REFUSED}
        saying_.talk.session.push(AudioDone("r1", "i1", 0), done("r1", ResponseStatus.COMPLETED))
        await world.clock.advance(1)
        await saying_.say("again", SayBehaviour.REFUSE)
        saying_.talk.session.answer("again")
        await world.clock.advance(1)
        assert saying_.outcomes["again"] is Outcome.PLAYED


async def test_caller_who_speaks_interrupts_an_utterance(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        response = saying_.talk.session.begin_answer("hello", audio_ms=2000)
        await world.clock.advance(0.5)
        await saying_.talk.caller_begins()
        assert saying_.outcomes == {"hello": Outcome.INTERRUPTED}
        saying_.talk.session.push(done(response, ResponseStatus.CANCELLED))


async def test_utterance_that_interrupts_stops_an_answer_and_goes_ahead_of_the_queue(
    world: World,
) -> None:
    async with saying(world) as saying_:
        session = saying_.talk.session
        session.begin_answer(audio_ms=5000)
        await world.clock.advance(1)
        await saying_.say("waits")
        await saying_.say("now", SayBehaviour.INTERRUPT)
        truncated, cancelled, asked = session.sent
        assert isinstance(truncated, Truncated)
        assert truncated.audio_end_ms == pytest.approx(1000, abs=20)
        assert cancelled == Cancelled(None)
        assert asked == Responded("now", None, "now")
        session.answer("now", audio_ms=200)
        await world.clock.advance(0.3)
        assert saying_.outcomes == {"now": Outcome.PLAYED}
        session.answer("waits", audio_ms=200)
        await world.clock.advance(0.3)
        assert saying_.outcomes["waits"] is Outcome.PLAYED


async def test_newest_interruption_wins(world: World) -> None:
    async with saying(world) as saying_:
        for text in ("first", "second", "third"):
            await saying_.say(text, SayBehaviour.INTERRUPT)
            saying_.talk.session.begin_answer(text, audio_ms=1000)
            await world.clock.advance(0.1)
        saying_.talk.session.end_answer("resp_3")
        await world.clock.advance(1)
        assert saying_.outcomes == {
            "first": Outcome.INTERRUPTED,
            "second": Outcome.INTERRUPTED,
            "third": Outcome.PLAYED,
        }


async def test_utterance_that_the_model_has_not_begun_yet_can_be_interrupted(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("slow")
        await saying_.say("now", SayBehaviour.INTERRUPT)
        assert saying_.outcomes == {"slow": Outcome.INTERRUPTED}
        saying_.talk.session.answer("now")
        await world.clock.advance(1)


async def test_utterance_that_meets_an_answer_of_the_model_s_own_is_asked_for_again(
    world: World,
) -> None:
    async with saying(world) as saying_:
        session = saying_.talk.session
        await saying_.say("hello")
        answer = session.begin_answer(audio_ms=500)
        session.push(ModelWarning("conversation_already_has_active_response", "", "hello"))
        session.end_answer(answer)
        await world.clock.advance(1)
        assert saying_.asked == ["hello", "hello"]
        session.answer("hello")
        await world.clock.advance(1)
        assert saying_.outcomes == {"hello": Outcome.PLAYED}


async def test_utterance_that_is_refused_again_and_again_is_refused(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        for _ in range(3):
            saying_.talk.session.push(ModelWarning("invalid_value", "", "hello"))
            await settle()
        assert saying_.outcomes == {"hello": Outcome.REFUSED}


async def test_utterance_that_a_lost_session_cut_is_followed_to_its_end(world: World) -> None:
    async with saying(world) as saying_:
        session = saying_.talk.session
        await saying_.say("hello")
        session.begin_answer("hello", audio_ms=500)
        session.push(
            AudioDone("resp_1", "item_1", 0),
            done("resp_1", ResponseStatus.FAILED, SESSION_INTERRUPTED),
        )
        await world.clock.advance(2)
        assert saying_.outcomes == {}
        session.answer("hello", audio_ms=300)
        await world.clock.advance(0.2)
        assert saying_.outcomes == {}
        await world.clock.advance(0.2)
        assert saying_.outcomes == {"hello": Outcome.PLAYED}


async def test_utterance_that_no_session_takes_up_again_fails(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        saying_.talk.session.begin_answer("hello", audio_ms=500)
        saying_.talk.session.push(
            AudioDone("resp_1", "item_1", 0),
            done("resp_1", ResponseStatus.FAILED, SESSION_INTERRUPTED),
        )
        await world.clock.advance(30)
        assert saying_.outcomes == {"hello": Outcome.FAILED}


@pytest.mark.parametrize("status", [ResponseStatus.FAILED, ResponseStatus.COMPLETED])
async def test_utterance_without_sound_has_failed(world: World, status: ResponseStatus) -> None:
    async with saying(world) as saying_:
        await saying_.say("hello")
        saying_.talk.session.push(ResponseStarted("r1", "hello"), done("r1", status))
        await settle()
        assert saying_.outcomes == {"hello": Outcome.FAILED}


async def test_model_that_never_begins_or_never_ends_is_not_waited_for(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.say("never begun")
        await world.clock.advance(25)
        assert saying_.outcomes == {"never begun": Outcome.FAILED}
        await saying_.say("never ended")
        session = saying_.talk.session
        session.push(ResponseStarted("r1", "never ended"), AudioDelta("r1", "i1", 0, bytes(4800)))
        await world.clock.advance(300)
        assert saying_.outcomes["never ended"] is Outcome.FAILED


async def test_whoever_stops_waiting_gives_up_the_place_in_the_queue(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.caller_begins()
        first = await saying_.say("first")
        await saying_.say("second")
        first.cancel()
        await saying_.talk.caller_stops()
        await world.clock.advance(5)
        assert saying_.asked == ["second"]
        saying_.talk.session.answer("second")
        await world.clock.advance(1)


class TestFollowUp:
    """Going on with what the model was told, as soon as an answer could begin."""

    async def test_does_not_wait_until_the_agent_was_heard(self, world: World) -> None:
        async with talking(world) as talk, asyncio.TaskGroup() as group:
            await talk.begin_answer(2000)
            utterances = talk.conversation.utterances
            task = group.create_task(utterances.follow_up(tag="tool", is_wanted=lambda: True))
            await settle()
            assert talk.session.sent == []
            talk.session.push(done("r1", ResponseStatus.COMPLETED))
            await settle()
            assert talk.session.sent == [Responded("tool", None, None)]
            talk.session.answer("tool")
            await settle()
            assert task.result() is True

    async def test_is_not_asked_for_where_it_is_needless_by_then(self, world: World) -> None:
        async with talking(world) as talk, asyncio.TaskGroup() as group:
            await talk.begin_answer(200)
            utterances = talk.conversation.utterances
            task = group.create_task(utterances.follow_up(tag="tool", is_wanted=lambda: False))
            talk.session.push(done("r1", ResponseStatus.COMPLETED))
            await settle()
            assert talk.session.sent == []
            assert task.result() is False

    async def test_waits_for_what_is_being_asked_for(self, world: World) -> None:
        async with saying(world) as saying_:
            talk = saying_.talk
            await saying_.say("hello")
            utterances = talk.conversation.utterances
            async with asyncio.TaskGroup() as group:
                group.create_task(utterances.follow_up(tag="tool", is_wanted=lambda: True))
                await settle()
                assert saying_.asked == ["hello"]
                begun = talk.session.begin_answer("hello", audio_ms=100)
                await settle()
                assert saying_.asked == ["hello"], "it is answered now"
                talk.session.end_answer(begun)
                await settle()
                assert saying_.asked == ["hello", "tool"]
                talk.session.answer("tool", audio_ms=100)
            await world.clock.advance(1)

    async def test_is_given_up_when_the_model_refuses_again_and_again(self, world: World) -> None:
        async with talking(world) as talk, asyncio.TaskGroup() as group:
            utterances = talk.conversation.utterances
            task = group.create_task(utterances.follow_up(tag="tool", is_wanted=lambda: True))
            for _ in range(3):
                await world.clock.advance(1)
                talk.session.push(ModelWarning("server_error", "refused", "tool"))
            await world.clock.advance(1)
            assert task.result() is False
            assert len(talk.session.sent) == 3


async def test_callers_whom_nobody_hears_any_more_are_not_waited_for(world: World) -> None:
    async with saying(world) as saying_:
        await saying_.talk.caller_begins()
        await saying_.say("goodbye")
        assert saying_.asked == []
        saying_.talk.conversation.quiet.users_unheard()
        await settle()
        assert saying_.asked == ["goodbye"]
        await saying_.talk.caller_begins()
        saying_.talk.session.answer("goodbye", audio_ms=100)
        await world.clock.advance(1)
