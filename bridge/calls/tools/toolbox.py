"""What becomes of the tools that the model calls: admitted, executed, answered, spoken of."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from bridge.calls.record import CallRecord
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.utterances import Utterances
from bridge.calls.tools.answers import (
    ALREADY_CALLED,
    CALL_ENDED,
    INTERRUPTED,
    STARTED,
    TIMEOUT,
    TOO_MANY_CALLS,
    checked,
    name_of,
    told,
)
from bridge.calls.tools.batch import WISH_OF, ToolBatch, Wish
from bridge.calls.tools.followups import Followups
from bridge.calls.tools.work import Workbench
from bridge.errors import ModelError
from bridge.ports.call import AgentState, Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.event import ToolCalled, ToolFinished
from bridge.ports.model import ModelSession
from bridge.ports.model_event import (
    AudioDelta,
    FunctionCall,
    ModelEvent,
    ResponseDone,
    SpeechStarted,
)
from bridge.ports.tool import (
    BuiltinTool,
    ToolCallId,
    ToolExecutors,
    ToolFailure,
    ToolMode,
    ToolOutcome,
    ToolSpec,
    ToolStatus,
    ToolUse,
)

_TIMEOUT_TAG: Final = "tool_timeout"
# More at once is a model gone astray, not work.
_MAX_AT_WORK: Final = 16
# As many without a word of the caller's in between are a loop that costs money.
_MAX_IN_A_ROW: Final = 32

_STATUS_OF: Final[Mapping[str, ToolStatus]] = {
    TIMEOUT.code: ToolStatus.TIMED_OUT,
    INTERRUPTED.code: ToolStatus.CANCELLED,
    CALL_ENDED.code: ToolStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class ToolServices:
    """What the tools of a call use."""

    executors: ToolExecutors
    end: Callable[[Ending], object]
    """Ends the call, once the agent has said its last words."""


class Toolbox:
    """The tools of one conversation. Entering lets them work; leaving stops what still does."""

    def __init__(
        self,
        *,
        session: ModelSession,
        utterances: Utterances,
        quiet: Quiet,
        services: ToolServices,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        self._session = session
        self._record = record
        self._clock = clock
        self._end = services.end
        self.offer(record.view().spec.agent.model.tools)
        self._utterances = utterances
        self._quiet = quiet
        self._followups = Followups(utterances)
        self._workbench = Workbench(services.executors, record, clock, utterances)
        self._batches: dict[str, ToolBatch] = {}
        self._sounding: set[str] = set()  # responses
        self._unfinished: dict[ToolCallId, tuple[FunctionCall, float]] = {}
        self._spent: set[str] = set()  # terminal tools that must not run again
        self._in_a_row = 0
        self._closing = False
        self._tasks = asyncio.TaskGroup()
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        for task in self._under_way:
            task.cancel()
        try:
            # The body's error comes out as it is.
            await self._tasks.__aexit__(None, None, None)
        finally:
            for call, _began_s in list(self._unfinished.values()):
                self._tell_finished(call, CALL_ENDED)

    def on(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        self._followups.on(event)
        match event:
            case FunctionCall():
                self._take(event)
            case AudioDelta(response_id):
                self._sounding.add(response_id)
            case ResponseDone(response_id):
                if batch := self._batches.get(response_id):
                    batch.said_something = response_id in self._sounding
                    batch.over.set()
                self._sounding.discard(response_id)
            case SpeechStarted():
                self._in_a_row = 0
            case _:
                pass

    def offer(self, tools: Iterable[ToolSpec]) -> None:
        """Let the model call these and no others; what works goes on."""
        self._offered = {tool.name: tool for tool in tools}

    def interrupted(self) -> None:
        """Note that the caller interrupts."""
        self._workbench.stop(INTERRUPTED, only=lambda spec: spec.cancel_on_interruption)

    @property
    def is_working(self) -> bool:
        """Return whether a tool is being executed, or its output waits to be spoken of."""
        return bool(self._under_way)

    async def finish(self) -> None:
        """Call nothing more, and wait until the model has said all about what was called."""
        self._closing = True
        self._quiet.users_unheard()
        self._workbench.stop(CALL_ENDED)
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._quiet.answered()

    def _take(self, call: FunctionCall) -> None:
        if call.call_id in self._unfinished:
            return  # the same call, told twice
        self._in_a_row += 1
        self._record.active()
        self._record.turns.tool_was_called(call.item_id)
        self._record.tell(ToolCalled(call.call_id, name_of(call), call.response_id, call.arguments))
        self._unfinished[call.call_id] = (call, self._clock.monotonic_s())
        batch = self._batches.setdefault(call.response_id, ToolBatch())
        batch.unanswered += 1
        spec = self._admit(call)
        if isinstance(spec, ToolFailure):
            self._start(self._refuse(call, spec, batch), call)
        elif spec.mode is ToolMode.ASYNC:
            self._start(self._carry_in_background(call, spec, batch), call)
        else:
            batch.blocks = True
            self._record.tools_work()
            self._start(self._carry(call, spec, batch), call)

    def _admit(self, call: FunctionCall) -> ToolSpec | ToolFailure:
        if self._closing:
            return CALL_ENDED
        if self._in_a_row > _MAX_IN_A_ROW or len(self._unfinished) > _MAX_AT_WORK:
            return TOO_MANY_CALLS
        spec = checked(call, self._offered)
        if isinstance(spec, ToolSpec) and spec.terminal:
            if spec.name in self._spent:
                return ALREADY_CALLED
            self._spent.add(spec.name)
        return spec

    def _start(self, work: Coroutine[None, None, None], call: FunctionCall) -> None:
        task = self._tasks.create_task(work, name=f"tool {name_of(call)}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        # One that is cancelled before its first step never awaits its work.
        task.add_done_callback(lambda _: work.close())

    async def _refuse(self, call: FunctionCall, why: ToolFailure, batch: ToolBatch) -> None:
        self._tell_finished(call, why)
        await self._answer(call, batch, told(why))
        # The model may mend its call, but not for ever.
        hopeless = why is CALL_ENDED or self._in_a_row > _MAX_IN_A_ROW + 1
        await self._close(call, batch, Wish.NOTHING if hopeless else Wish.ANSWER)

    async def _carry(self, call: FunctionCall, spec: ToolSpec, batch: ToolBatch) -> None:
        wish = await self._execute(call, spec, batch)
        await self._close(call, batch, wish)

    async def _carry_in_background(
        self, call: FunctionCall, spec: ToolSpec, batch: ToolBatch
    ) -> None:
        await self._answer(call, batch, STARTED)
        self._start(self._close(call, batch, Wish.ANSWER_UNLESS_SAID), call)
        news = ToolBatch(unanswered=1)
        news.over.set()
        wish = await self._execute(call, spec, news)
        await self._close(call, news, wish)

    async def _execute(self, call: FunctionCall, spec: ToolSpec, batch: ToolBatch) -> Wish:
        """Execute a tool and tell the model what came of it; return what is to be said then."""
        outcome = await self._workbench.execute(call, spec)
        self._tell_finished(call, outcome)
        await self._answer(call, batch, told(outcome))
        if isinstance(outcome, ToolFailure):
            if outcome.undone:
                self._spent.discard(spec.name)
            if outcome.code == TIMEOUT.code and spec.timeout_text is not None:
                self._start(self._apologise(spec.timeout_text), call)
                return Wish.NOTHING
            stopped = outcome.code in {INTERRUPTED.code, CALL_ENDED.code}
            return Wish.NOTHING if stopped else WISH_OF[spec.reaction]
        if spec.terminal:
            self._end(Ending(EndReason.AGENT_ENDED, f"terminal tool {spec.name}"))
        wish = WISH_OF[spec.reaction]
        brings_no_news = spec.terminal or isinstance(spec.execution, BuiltinTool)
        return Wish.ANSWER_UNLESS_SAID if wish is Wish.ANSWER and brings_no_news else wish

    async def _answer(self, call: FunctionCall, batch: ToolBatch, output: str) -> None:
        batch.newest_output = self._followups.told(call.call_id)
        with suppress(ModelError):  # the session is gone for good, and its reader learns why
            await self._session.answer_tool(call.call_id, output)

    async def _close(self, call: FunctionCall, batch: ToolBatch, wish: Wish) -> None:
        """Note that a call is answered; the last one of its response has all of them spoken of."""
        batch.answered(wish)
        await batch.over.wait()
        if not batch.close():
            return
        if self._batches.get(call.response_id) is batch:
            del self._batches[call.response_id]
        answers = batch.wants_answer(silent=bool(self._quiet))
        if not any(other.blocks for other in self._batches.values()):
            self._record.tools_are_done(AgentState.THINKING if answers else AgentState.LISTENING)
        if answers:
            await self._followups.respond(batch.newest_output)

    async def _apologise(self, text: str) -> None:
        await self._utterances.say(text, tag=_TIMEOUT_TAG)

    def _tell_finished(self, call: FunctionCall, outcome: ToolOutcome) -> None:
        _, began_s = self._unfinished.pop(call.call_id)
        status, code, detail = ToolStatus.SUCCEEDED, "", ""
        if isinstance(outcome, ToolFailure):
            status = _STATUS_OF.get(outcome.code, ToolStatus.FAILED)
            code, detail = outcome.code, outcome.private_detail
        took_s = self._clock.monotonic_s() - began_s
        use = ToolUse(call.call_id, name_of(call), status, code, took_s, detail)
        self._record.turns.tool_was_used(call.item_id, use)
        self._record.tell(ToolFinished(use))
