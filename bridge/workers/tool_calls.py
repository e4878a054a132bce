"""Which tools does a front execute for its workers, and how are they stopped?"""

import asyncio

from bridge.ids import ConnectionId
from bridge.ports.tool import ToolCallId, ToolExecutors, ToolInvocation, ToolOutcome, ToolSpec

_Key = tuple[ConnectionId, ToolCallId]


class ToolCalls:
    """Calls of tools that are under way here, and that somebody in a worker waits for."""

    def __init__(self, executors: ToolExecutors) -> None:
        self._executors = executors
        self._works: dict[_Key, asyncio.Task[ToolOutcome]] = {}

    async def execute(self, tool: ToolSpec, invocation: ToolInvocation) -> ToolOutcome | None:
        """Return what came of it; None where it was stopped. Cancelling stops it, too."""
        executor = self._executors.executor(invocation.agent_id, tool)
        key = (invocation.connection_id, invocation.tool_call_id)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(executor.execute(invocation), name=f"executor {tool.name}")
            self._works[key] = work
            try:
                await asyncio.wait({work})
            finally:
                if self._works.get(key) is work:
                    del self._works[key]
                work.cancel()
        return None if work.cancelled() else work.result()

    async def stop(self, connection_id: ConnectionId, call_id: ToolCallId, reason: str) -> None:
        """Tell the executor why nobody waits any more; return once it has let go."""
        work = self._works.get((connection_id, call_id))
        if work is not None:
            work.cancel(reason)
            await asyncio.wait({work})
