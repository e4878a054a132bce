"""Who has the floor? What is being said or asked for, and what a lost connection leaves owed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bridge.ports.model_event import (
    SESSION_INTERRUPTED,
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    FunctionCall,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
)
from bridge.ports.tool import ToolCallId
from bridge.ports.usage import TokenCounts

RESUME_TAG: Final = "resume"

_GO_ON: Final = (
    "Your last words were cut off by a fault of the connection. Go on from exactly where they "
    "stop. Repeat nothing, and do not mention the fault."
)
_ASK_AGAIN: Final = (
    "A fault of the connection has kept you from hearing what the caller said last. "
    "Say so in a few words, and ask for it again."
)

_ItemPart = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """What `respond` was asked for."""

    tag: str
    instructions: str | None = field(default=None, repr=False)
    say: str | None = field(default=None, repr=False)
    polite: bool = False
    """It waits until it is clear that the caller does not speak."""

    @property
    def is_bare(self) -> bool:
        """Whether it asks for nothing but an answer to what was said."""
        return self.instructions is None and self.say is None


@dataclass(slots=True)
class _Answer:
    request: Request | None
    sounding: dict[_ItemPart, None] = field(default_factory=dict)
    has_sound: bool = False
    has_called: bool = False
    """Whoever executes the function asks for what follows."""
    cancelled: bool = False


class Floor:
    """Follows one conversation over all its sessions."""

    def __init__(self, answers_turns: Callable[[], bool]) -> None:
        """
        :param answers_turns: whether the model answers by itself when a turn ends.
        """
        self._answers_turns = answers_turns
        self._requests: dict[str, Request] = {}
        self._answers: dict[str, _Answer] = {}
        self._texts: dict[_ItemPart, str] = {}  # begun, not finished
        self._calls: set[ToolCallId] = set()  # not answered
        self._speaking: SpeechStarted | None = None
        self._unanswered: str | None = None
        self._owed: Request | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody speaks, and nobody waits for an answer."""
        asked = self._requests or self._owed or self._awaited_turn
        waits = asked or self._answers or self._calls
        return not (waits or self._speaking)

    @property
    def owes_politely(self) -> bool:
        return self._owed is not None and self._owed.polite

    def pay(self) -> Request | None:
        """Return what is to be asked for now, once."""
        owed, self._owed = self._owed, None
        if owed is not None:
            self._requests[owed.tag] = owed
        return owed

    def requested(self, request: Request) -> None:
        self._requests[request.tag] = request

    def owe(self, request: Request) -> None:
        """Note a request that nobody could be asked yet."""
        if not (request.is_bare and self.owes_politely):  # the answer to words that are lost
            self._owed = request

    def cancelled(self, response_id: str | None) -> None:
        """Note that an answer, or all there is, is not wanted any more."""
        if response_id is None:
            self._requests.clear()
            self._owed = None
        for active, answer in self._answers.items():
            answer.cancelled |= response_id in {None, active}

    def answered(self, call_id: ToolCallId) -> None:
        """Note that the model is told what came of a call."""
        self._calls.discard(call_id)

    def note(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        match event:
            case SpeechStarted():
                self._speaking, self._unanswered = event, None
                if self.owes_politely:
                    self._owed = None
            case SpeechStopped(item_id):
                self._speaking, self._unanswered = None, item_id
            case ResponseStarted(response_id, tag):
                request = self._requests.pop(tag, None) if tag is not None else None
                self._answers[response_id] = _Answer(request)
                self._unanswered = None
            case ResponseDone(response_id):
                self._answers.pop(response_id, None)
                if not self._answers:
                    self._texts.clear()
            case FunctionCall(response_id, call_id=call_id):
                self._calls.add(call_id)
                if answer := self._answers.get(response_id):
                    answer.has_called = True
            case ModelWarning(request_tag=str() as tag):
                self._requests.pop(tag, None)
            case _:
                self._note_words(event)

    def cut(self, text_of: Callable[[str], str]) -> tuple[ModelEvent, ...]:
        """End what was under way; return the ends that nobody will tell any more.

        What is owed afterwards: an answer of which nothing has arrived is asked for again, one
        that broke off is to be gone on with. One that has called a function is neither: it would
        call it twice. A caller whose words are lost is asked for them.
        """
        ends: list[ModelEvent] = []
        ends += [
            AgentTextDone(item_id, part, text) for (item_id, part), text in self._texts.items()
        ]
        for response_id, answer in self._answers.items():
            ends += [AudioDone(response_id, *key) for key in answer.sounding]
            ends.append(
                ResponseDone(response_id, ResponseStatus.FAILED, TokenCounts(), SESSION_INTERRUPTED)
            )
        if self._speaking is not None:
            # How much of it was heard nobody knows.
            ends.append(SpeechStopped(self._speaking.item_id, self._speaking.audio_start_ms))
        self._owed = self._debt(text_of)
        self._requests.clear()
        self._texts.clear()
        self._answers.clear()
        self._speaking = self._unanswered = None
        return tuple(ends)

    @property
    def _awaited_turn(self) -> str | None:
        return self._unanswered if self._answers_turns() else None

    def _debt(self, text_of: Callable[[str], str]) -> Request | None:
        if self._speaking is not None:
            return Request(RESUME_TAG, _ASK_AGAIN, polite=True)
        lost = self._unanswered is not None and not text_of(self._unanswered)
        if self._requests:
            newest = next(reversed(self._requests.values()))
            return Request(newest.tag, _ASK_AGAIN) if newest.is_bare and lost else newest
        if self._awaited_turn is not None:
            return Request(RESUME_TAG, _ASK_AGAIN if lost else None)
        for answer in self._answers.values():
            if not (answer.cancelled or answer.has_called):
                return self._again(answer)
        return self._owed

    def _again(self, answer: _Answer) -> Request:
        if not answer.has_sound:
            return answer.request or Request(RESUME_TAG)
        request = answer.request
        told = "".join(self._texts.values())
        tag = request.tag if request else RESUME_TAG
        if request and request.say and told and request.say.startswith(told):
            return Request(tag, say=request.say[len(told) :])
        return Request(tag, _GO_ON)

    def _note_words(self, event: ModelEvent) -> None:
        match event:
            case AudioDelta(response_id, item_id, part):
                if answer := self._answers.get(response_id):
                    answer.has_sound = True
                    answer.sounding[item_id, part] = None
            case AudioDone(response_id, item_id, part):
                if answer := self._answers.get(response_id):
                    answer.sounding.pop((item_id, part), None)
            case AgentTextDelta(item_id, part, text):
                self._texts[item_id, part] = self._texts.get((item_id, part), "") + text
            case AgentTextDone(item_id, part):
                self._texts.pop((item_id, part), None)
            case _:
                pass
