"""Executors of tools that do what a test tells them."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.ids import AgentId
from bridge.ports.tool import (
    ToolCallId,
    ToolExecutor,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
    ToolOutput,
    ToolSpec,
)

Execute = Callable[[ToolInvocation], Awaitable[ToolOutcome]]


class FakeTools:
    """Knows who executes what; a tool that nobody was named for waits for `answer`."""

    def __init__(self) -> None:
        self.invoked: list[ToolInvocation] = []
        """Every invocation, in order."""
        self.cancelled: dict[ToolCallId, str] = {}
        """Of which the executor was told that nobody waits any more, and why."""
        self.asked: list[tuple[AgentId, str]] = []
        self._answers: dict[ToolCallId, asyncio.Future[ToolOutcome]] = {}

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:
        self.asked.append((agent_id, tool.name))
        return self

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        self.invoked.append(invocation)
        answer: asyncio.Future[ToolOutcome] = asyncio.get_running_loop().create_future()
        self._answers[invocation.tool_call_id] = answer
        try:
            return await answer
        except asyncio.CancelledError as cancelled:
            self.cancelled[invocation.tool_call_id] = str(*cancelled.args)
            raise

    def answer(self, call_id: ToolCallId, output: str = "{}") -> None:
        """Let a tool do what it was asked for."""
        self._answers[call_id].set_result(ToolOutput(output))

    def fail(self, call_id: ToolCallId, failure: ToolFailure) -> None:
        """Let a tool fail."""
        self._answers[call_id].set_result(failure)

    def break_down(self, call_id: ToolCallId, error: Exception) -> None:
        """Let an executor do what it promised not to."""
        self._answers[call_id].set_exception(error)

    def answer_all(self, outcome: ToolOutcome) -> None:
        """Let all that are at work come to this."""
        for answer in self._at_work():
            answer.set_result(outcome)

    def break_all_down(self, error: Exception) -> None:
        for answer in self._at_work():
            answer.set_exception(error)

    def _at_work(self) -> list[asyncio.Future[ToolOutcome]]:
        return [answer for answer in self._answers.values() if not answer.done()]
