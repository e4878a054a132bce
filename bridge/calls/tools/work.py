"""How is one tool executed: in time, stoppable, and whatever its executor does?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.calls.record import CallRecord
from bridge.calls.speech.utterances import Utterances
from bridge.calls.tools.answers import CALL_ENDED, INTERNAL, TIMEOUT, arguments_of, bounded
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.model_event import FunctionCall
from bridge.ports.tool import (
    ToolExecutors,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
    ToolSpec,
)
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

_FILLER_TAG: Final = "filler"


@dataclass(slots=True, eq=False)
class _Work:
    spec: ToolSpec
    task: asyncio.Task[ToolOutcome]
    stopped: ToolFailure | None = None

    def stop(self, why: ToolFailure) -> None:
        self.stopped = self.stopped or why
        self.task.cancel(why.code)

    @property
    def outcome(self) -> ToolOutcome:
        if self.task.cancelled():
            assert self.stopped is not None  # noqa: S101 - nobody else cancels it
            return self.stopped
        return bounded(self.task.result())


class Workbench:
    """Executes the tools of one call, any number at once."""

    def __init__(
        self,
        executors: ToolExecutors,
        record: CallRecord,
        clock: Clock,
        utterances: Utterances,
    ) -> None:
        self._executors = executors
        self._record = record
        self._clock = clock
        self._utterances = utterances
        self._works: set[_Work] = set()
        self._filled: str | None = None  # the response whose calls have had their filler

    async def execute(self, call: FunctionCall, spec: ToolSpec) -> ToolOutcome:
        """Return what came of it, within the tool's time. Cancelling stops it.

        Its executor is told, and has let go, before this returns.
        """
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._run(call, spec), name=f"executor {spec.name}")
            filler = group.create_task(self._fill(call, spec), name=f"filler {spec.name}")
            work = _Work(spec, task)
            self._works.add(work)
            try:
                async with self._clock.timeout(spec.timeout_s):
                    await asyncio.wait({task})
            except TimeoutError:
                work.stop(TIMEOUT)
            finally:
                work.stop(CALL_ENDED)
                filler.cancel()
                self._works.discard(work)
        return work.outcome

    def stop(self, why: ToolFailure, *, only: Callable[[ToolSpec], bool] = lambda _: True) -> None:
        """Stop what is being executed."""
        for work in self._works:
            if only(work.spec):
                work.stop(why)

    async def _run(self, call: FunctionCall, spec: ToolSpec) -> ToolOutcome:
        asked = self._record.view().spec
        invocation = ToolInvocation(
            tool_call_id=call.call_id,
            connection_id=asked.connection_id,
            tenant_id=asked.tenant_id,
            agent_id=asked.agent.agent_id,
            name=spec.name,
            arguments=arguments_of(call),
            deadline=self._clock.now() + timedelta(seconds=spec.timeout_s),
            metadata=asked.metadata,
        )
        try:
            executor = self._executors.executor(asked.agent.agent_id, spec)
            return await executor.execute(invocation)
        except Exception as error:  # noqa: BLE001 - a defect of one tool costs its output, not the call
            _log.error(
                "tool executor failed",
                tool=spec.name,
                error=type(error).__name__,
                frames=frames_of(error),
            )
            return INTERNAL

    async def _fill(self, call: FunctionCall, spec: ToolSpec) -> None:
        if spec.filler_text is None:
            return
        await self._clock.sleep(spec.filler_after_s)
        if self._filled != call.response_id:
            self._filled = call.response_id
            await self._utterances.say(spec.filler_text, tag=_FILLER_TAG)
