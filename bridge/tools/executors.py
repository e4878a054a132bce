"""Who executes an agent's tool: whoever its specification names."""

from collections.abc import Awaitable, Callable
from functools import partial

from bridge.ids import AgentId
from bridge.ports.tool import (
    BuiltinTool,
    GatewayExecution,
    HttpExecution,
    McpExecution,
    ToolExecutor,
    ToolInvocation,
    ToolOutcome,
    ToolSpec,
)
from bridge.tools.http import HttpTools
from bridge.tools.mcp import McpTools
from bridge.tools.servers import ToolServers

_Execute = Callable[[ToolInvocation], Awaitable[ToolOutcome]]


class Executors:
    """Implements ToolExecutors."""

    def __init__(self, gateways: ToolServers, http: HttpTools, mcp: McpTools) -> None:
        self._gateways = gateways
        self._http = http
        self._mcp = mcp

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:  # noqa: ARG002 - the port's
        match tool.execution:
            case GatewayExecution():
                return self._gateways
            case HttpExecution() as execution:
                return _Bound(partial(self._http.execute, execution))
            case McpExecution() as execution:
                return _Bound(partial(self._mcp.execute, execution))
            case BuiltinTool():
                raise ValueError(f"the call itself executes {tool.name}")


class _Bound:
    """A ToolExecutor of one tool."""

    def __init__(self, execute: _Execute) -> None:
        self._execute = execute

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        return await self._execute(invocation)
