"""The gRPC edge of a scripted bridge: every method of the API, and refusals as statuses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from bridge.api.status import DETAILS_KEY, code_of, details_of
from bridge.errors import Refusal
from bridge.testing.answers import Context
from bridge.testing.tool_desk import Requests
from bridge.v1 import (
    admin_service_pb2,
    call_service_pb2,
    model_service_pb2,
    telemetry_service_pb2,
    tool_service_pb2,
)

METHODS: Final[dict[str, MethodDescriptor]] = {
    method.name: method
    for file in (
        *(call_service_pb2, telemetry_service_pb2, model_service_pb2, tool_service_pb2),
        admin_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every method of the API, by its name."""


class Answers(Protocol):
    """What answers RPCs, by their method's name; a Refusal that it raises becomes its status."""

    async def unary(self, method: str, request: Message, context: Context) -> Message: ...

    def stream(self, method: str, request: Message, context: Context) -> AsyncIterator[Message]: ...

    async def tools(self, method: str, requests: Requests, context: Context) -> None:
        """Serve one tool server, writing to the context."""
        ...


def handlers(answers: Answers) -> list[grpc.GenericRpcHandler]:
    """Return what a server needs to serve every method of every service."""
    by_service: dict[str, dict[str, Any]] = {}
    for method in METHODS.values():
        of_service = by_service.setdefault(method.containing_service.full_name, {})
        of_service[method.name] = _handler(method, answers)
    return [grpc.method_handlers_generic_handler(name, of) for name, of in by_service.items()]


def _handler(method: MethodDescriptor, answers: Answers) -> Any:  # noqa: ANN401 - grpc's is generic for the type checker only
    async def unary(request: Message, context: Context) -> Message:
        async with _told(context):
            return await answers.unary(method.name, request, context)

    async def stream(request: Message, context: Context) -> AsyncIterator[Message]:
        async with _told(context):
            async for answer in answers.stream(method.name, request, context):
                yield answer

    async def tools(requests: Requests, context: Context) -> None:
        async with _told(context):
            await answers.tools(method.name, requests, context)

    # The types know only the synchronous server's handlers.
    make: Any
    behaviour: Any
    if method.client_streaming:
        make, behaviour = grpc.stream_stream_rpc_method_handler, tools
    elif method.server_streaming:
        make, behaviour = grpc.unary_stream_rpc_method_handler, stream
    else:
        make, behaviour = grpc.unary_unary_rpc_method_handler, unary
    return make(
        behaviour,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


@asynccontextmanager
async def _told(context: Context) -> AsyncIterator[None]:
    try:
        yield
    except Refusal as refusal:
        trailers = ((DETAILS_KEY, details_of(refusal)),)
        await context.abort(code_of(refusal), refusal.message, trailers)
