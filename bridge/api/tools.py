"""ToolService: gateways that execute tools, each on a stream of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from bridge.api import tool_requests
from bridge.errors import Exhausted
from bridge.groups import only_error
from bridge.messages import tools as messages
from bridge.ports.clock import Clock
from bridge.ports.tool import ToolInvocation
from bridge.tools.registration import Registration
from bridge.tools.server import Cancellation, ToolServer
from bridge.tools.servers import ToolServers
from bridge.v1 import tool_service_pb2 as pb
from bridge.v1 import tool_service_pb2_grpc

NAME: Final = "bridge.v1.ToolService"

# As in the comments of proto/bridge/v1/tool_service.proto.
REGISTER_WITHIN_S: Final = 10.0
READ_WITHIN_S: Final = 5.0

_SLOW_RETRY_S: Final = 1.0

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[pb.ServeToolsRequest]


class ToolService(tool_service_pb2_grpc.ToolServiceServicer):
    """Parses what tool servers say, and tells them what to do."""

    def __init__(self, servers: ToolServers, clock: Clock) -> None:
        self._servers = servers
        self._clock = clock

    # The stubs know only methods that give their responses to grpc, not those that write them.
    async def ServeTools(  # type: ignore[override]
        self, requests: Requests, context: Context
    ) -> None:
        """Serve one stream. Writes its responses itself: one that is not taken must end it."""
        registration = await self._registration(requests)
        with self._servers.registered(registration) as server:
            registered = pb.ToolRegistered(tool_server_id=server.server_id)
            await self._write(context, pb.ServeToolsResponse(registered=registered))
            with only_error():
                async with asyncio.TaskGroup() as tasks:
                    listening = tasks.create_task(
                        _listen(requests, server), name=f"results of {server.server_id}"
                    )
                    while (message := await server.next_message()) is not None:
                        await self._write(context, _response(message))
                    listening.cancel()

    async def _registration(self, requests: Requests) -> Registration:
        try:
            async with self._clock.timeout(REGISTER_WITHIN_S):
                first = await anext(requests, pb.ServeToolsRequest())
        except TimeoutError:
            first = pb.ServeToolsRequest()
        return tool_requests.registration(first)

    async def _write(self, context: Context, response: pb.ServeToolsResponse) -> None:
        try:
            async with self._clock.timeout(READ_WITHIN_S):
                await context.write(response)
        except TimeoutError:
            raise Exhausted(
                "TOOL_SERVER_TOO_SLOW",
                f"nothing was read for {READ_WITHIN_S:g} s although there was something to read",
                _SLOW_RETRY_S,
            ) from None


async def _listen(requests: Requests, server: ToolServer) -> None:
    """Take results until the gateway closes its side: there will be no more then.

    :raises InvalidRequest: it says what has no place here.
    """
    async for request in requests:
        match request.WhichOneof("kind"):
            case "result":
                server.answer(*tool_requests.result(request.result))
            case "leave":
                server.leave()
            case "register":
                raise tool_requests.unexpected("register", "only the first message registers")
            case None:
                raise tool_requests.unexpected("", "must be a result or leave")
    server.end()


def _response(message: ToolInvocation | Cancellation) -> pb.ServeToolsResponse:
    match message:
        case ToolInvocation():
            return pb.ServeToolsResponse(invocation=messages.invocation(message))
        case Cancellation(tool_call_id, reason):
            cancellation = pb.ToolCancellation(tool_call_id=tool_call_id, reason=reason)
            return pb.ServeToolsResponse(cancellation=cancellation)
