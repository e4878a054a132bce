"""How does a worker have a tool executed? By its front, where the gateways are connected."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import grpc

from bridge.messages.values import decode, encode
from bridge.ports.tool import ToolFailure, ToolInvocation, ToolOutcome, ToolSpec
from bridge.workers.v1 import workers_service_pb2 as pb

if TYPE_CHECKING:
    from bridge.workers.v1 import workers_service_pb2_grpc

_STOP_S: Final = 1.0


class RemoteTool:
    """Implements ToolExecutor by the front, where the gateways are connected."""

    def __init__(
        self, front: "workers_service_pb2_grpc.FrontServiceAsyncStub", tool: ToolSpec
    ) -> None:
        self._front = front
        self._tool = tool

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(invocation), name=f"front {self._tool.name}")
            try:
                await asyncio.wait({asking})
            except asyncio.CancelledError as cancelled:
                # An RPC that is cancelled cannot say why: the reason goes ahead.
                if cancelled.args and isinstance(cancelled.args[0], str):
                    await self._stop(invocation, cancelled.args[0])
                raise
            finally:
                asking.cancel()
        return asking.result()

    async def _ask(self, invocation: ToolInvocation) -> ToolOutcome:
        request = pb.ExecuteToolRequest(tool=encode(self._tool), invocation=encode(invocation))
        try:
            response = await self._front.ExecuteTool(request)
        except grpc.aio.AioRpcError as error:
            return ToolFailure("tool_server_lost", private_detail=error.code().name)
        outcome: ToolOutcome = decode(ToolOutcome, response.outcome)
        return outcome

    async def _stop(self, invocation: ToolInvocation, reason: str) -> None:
        request = pb.StopToolRequest(
            connection_id=invocation.connection_id,
            tool_call_id=invocation.tool_call_id,
            reason=reason,
        )
        with suppress(grpc.aio.AioRpcError):  # a front that is gone has stopped it
            await self._front.StopTool(request, timeout=_STOP_S)
