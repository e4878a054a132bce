"""A lost connection leaves nothing open, and what is owed is what the caller still waits for."""

import pytest

from bridge.model.floor import RESUME_TAG, Floor, Request
from bridge.ports.model_event import (
    SESSION_INTERRUPTED,
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
)
from bridge.ports.usage import TokenCounts
from tests.unit.model.payloads import CALL

SPOKE: tuple[ModelEvent, ...] = (SpeechStarted("item_u", 0), SpeechStopped("item_u", 100))
SOUND = AudioDelta("resp_1", "item_a", 0, bytes(480))
DONE = ResponseDone("resp_1", ResponseStatus.COMPLETED, TokenCounts())


def floor_after(
    *events: ModelEvent, request: Request | None = None, answers_turns: bool = True
) -> Floor:
    floor = Floor(lambda: answers_turns)
    if request is not None:
        floor.requested(request)
    for event in events:
        floor.note(event)
    return floor


def owed(floor: Floor, *, text: str = "Hello.") -> Request | None:
    floor.cut(lambda _: text)
    return floor.pay()


@pytest.mark.parametrize(
    "events",
    [
        (),
        (*SPOKE, ResponseStarted("resp_1", None), SOUND, DONE),
    ],
)
def test_nothing_is_owed_where_nobody_waits(events: tuple[ModelEvent, ...]) -> None:
    floor = floor_after(*events)
    assert floor.is_quiet
    assert floor.cut(lambda _: "") == ()
    assert floor.pay() is None


@pytest.mark.parametrize(
    "events",
    [SPOKE[:1], SPOKE, (ResponseStarted("resp_1", None),)],
    ids=["speaking", "unanswered", "answering"],
)
def test_it_is_not_quiet_while_somebody_speaks_or_waits(events: tuple[ModelEvent, ...]) -> None:
    assert not floor_after(*events).is_quiet


def test_all_that_was_begun_is_ended_once() -> None:
    floor = floor_after(
        ResponseStarted("resp_1", None), AgentTextDelta("item_a", 0, "Hel"), SOUND, SPOKE[0]
    )
    assert floor.cut(lambda _: "") == (
        AgentTextDone("item_a", 0, "Hel"),
        AudioDone("resp_1", "item_a", 0),
        ResponseDone("resp_1", ResponseStatus.FAILED, TokenCounts(), SESSION_INTERRUPTED),
        SpeechStopped("item_u", 0),
    )
    assert floor.cut(lambda _: "") == ()


def test_texts_of_a_cancelled_answer_are_not_ended_later() -> None:
    cancelled = ResponseDone("resp_1", ResponseStatus.CANCELLED, TokenCounts())
    floor = floor_after(
        ResponseStarted("resp_1", None), AgentTextDelta("item_a", 0, "Hel"), cancelled
    )
    assert floor.cut(lambda _: "") == ()


def test_a_request_that_was_not_begun_is_made_again() -> None:
    request = Request("greeting", say="Hello.")
    assert owed(floor_after(request=request)) == request


def test_a_request_that_was_refused_is_not_made_again() -> None:
    floor = floor_after(ModelWarning("c", "m", "x"), request=Request("x"))
    assert owed(floor) is None


def test_an_answer_without_sound_is_asked_for_again() -> None:
    request = Request("greeting", instructions="Greet.")
    assert owed(floor_after(ResponseStarted("resp_1", "greeting"), request=request)) == request
    assert owed(floor_after(*SPOKE, ResponseStarted("resp_1", None))) == Request(RESUME_TAG)


def test_an_answer_that_broke_off_is_gone_on_with() -> None:
    again = owed(floor_after(ResponseStarted("resp_1", None), SOUND))
    assert again is not None
    assert "Go on" in (again.instructions or "")


def test_of_a_fixed_text_the_rest_is_said() -> None:
    events = (ResponseStarted("resp_1", "g"), AgentTextDelta("item_a", 0, "Hello, "), SOUND)
    floor = floor_after(*events, request=Request("g", say="Hello, my dear."))
    assert owed(floor) == Request("g", say="my dear.")


def test_an_answer_that_nobody_wants_is_not_gone_on_with() -> None:
    floor = floor_after(ResponseStarted("resp_1", None), SOUND)
    floor.cancelled(None)
    assert owed(floor) is None


def test_a_turn_that_was_understood_is_answered() -> None:
    assert owed(floor_after(*SPOKE)) == Request(RESUME_TAG)


def test_a_turn_whose_words_are_lost_is_asked_for() -> None:
    again = owed(floor_after(*SPOKE), text="")
    assert again is not None
    assert "ask for it again" in (again.instructions or "")
    assert not again.polite


def test_a_caller_cut_off_while_speaking_is_asked_only_if_silent() -> None:
    floor = floor_after(SPOKE[0])
    floor.cut(lambda _: "")
    assert floor.owes_politely
    floor.note(SpeechStarted("item_v", 0))
    assert floor.pay() is None


def test_what_is_owed_stays_so_over_a_second_loss() -> None:
    floor = floor_after(*SPOKE)
    floor.cut(lambda _: "Hello.")
    floor.cut(lambda _: "Hello.")
    assert floor.pay() == Request(RESUME_TAG)


def test_a_request_made_in_a_gap_waits_for_its_end() -> None:
    floor = floor_after()
    floor.owe(Request("late"))
    assert not floor.is_quiet
    assert floor.pay() == Request("late")
    assert floor.pay() is None


def test_it_is_not_quiet_while_a_call_is_not_answered() -> None:
    floor = floor_after(ResponseStarted("resp_1", None), CALL, DONE)
    assert not floor.is_quiet
    floor.answered(CALL.call_id)
    assert floor.is_quiet


def test_an_answer_that_has_called_a_function_is_not_asked_for_again() -> None:
    """Whoever executes the function asks; the model would call it twice."""
    assert owed(floor_after(ResponseStarted("resp_1", None), CALL)) is None
    assert owed(floor_after(ResponseStarted("resp_1", None), SOUND, CALL)) is None


def test_what_is_asked_after_an_output_is_asked_again() -> None:
    floor = floor_after(ResponseStarted("resp_1", None), CALL, DONE)
    floor.answered(CALL.call_id)
    floor.requested(Request("tool"))
    assert owed(floor) == Request("tool")


def test_a_turn_that_the_model_is_not_to_answer_is_not_waited_for() -> None:
    floor = floor_after(*SPOKE, answers_turns=False)
    assert floor.is_quiet
    assert owed(floor) is None


def test_an_answer_to_words_that_are_lost_becomes_a_question_for_them() -> None:
    floor = floor_after(*SPOKE, answers_turns=False)
    floor.requested(Request("turn"))
    again = owed(floor, text="")
    assert again is not None
    assert again.tag == "turn"
    assert "ask for it again" in (again.instructions or "")


def test_of_words_that_are_lost_no_answer_is_asked_for_in_a_gap() -> None:
    floor = floor_after(SPOKE[0], answers_turns=False)
    floor.cut(lambda _: "")
    floor.owe(Request("turn"))
    assert floor.owes_politely
    floor.owe(Request("notice", say="Goodbye."))
    assert floor.pay() == Request("notice", say="Goodbye.")
