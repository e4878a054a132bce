"""What surrounds every RPC: the guard, parsing, refusals as statuses, defects, one log line."""

import logging
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
)
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from functools import partial
from inspect import isawaitable
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from bridge.access.principal import Principal
from bridge.api.asker import bind_tenant
from bridge.api.guard import Guard
from bridge.api.redact import redacted
from bridge.api.status import DETAILS_KEY, code_of, details_of
from bridge.errors import FieldViolation, InvalidRequest, Refusal
from bridge.logs import get_logger
from bridge.ports.rpc import Rpc, RpcObserver
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic for the type checker only
MaybeHandler: TypeAlias = "Handler | None"
NextHandler: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[MaybeHandler]]"
Parse = Callable[[bytes], Any]

# W3C's; nothing else of the metadata is for observers.
_TRACE_HEADERS: Final = ("traceparent", "tracestate")

# By whether requests and responses are streams; an attribute of handlers, and a part of the names
# of what makes them.
_BEHAVIOUR: Final = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


class Edge(grpc.aio.ServerInterceptor):
    """Surrounds every RPC but those of services in `open_to_all`.

    `closed` names services or methods ("/bridge.v1.CallService") that only refuse. `observer` looks
    on at every RPC, refused ones among them.
    """

    def __init__(
        self,
        guard: Guard,
        closed: Mapping[str, Refusal] | None = None,
        open_to_all: Collection[str] = (),
        observer: RpcObserver | None = None,
    ) -> None:
        self._guard = guard
        self._observe = observer or _unobserved
        self._closed = dict(closed or {})
        self._open_to_all = frozenset(open_to_all)

    async def intercept_service(
        self,
        continuation: NextHandler,
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MaybeHandler:
        method = handler_call_details.method
        if method[1:].rpartition("/")[0] in self._open_to_all:
            return await continuation(handler_call_details)
        for prefix, refusal in self._closed.items():
            if method == prefix or method.startswith(f"{prefix}/"):
                return self._refusing(method, refusal)
        handler = await continuation(handler_call_details)
        return None if handler is None else self._wrapped(method, handler)

    def _wrapped(self, method: str, handler: Handler) -> Handler:
        """Return the handler, with requests parsed by us: grpc calls a bad message INTERNAL."""
        parse = handler.request_deserializer
        assert parse is not None  # noqa: S101 - generated handlers always have one
        kind = (handler.request_streaming, handler.response_streaming)
        # The types know only the synchronous server's handlers.
        behaviour: Any = getattr(handler, _BEHAVIOUR[kind])
        read = partial(_each_parsed if handler.request_streaming else _parsed, parse)

        async def answer(given: Any, context: Context) -> Any:  # noqa: ANN401 - any message, or several
            async with self._inside(method, context, is_stream=any(kind)) as principal:
                return await behaviour(read(principal, given), context)

        async def answer_with_stream(given: Any, context: Context) -> None:  # noqa: ANN401 - as above
            async with self._inside(method, context, is_stream=True) as principal:
                answers = behaviour(read(principal, given), context)
                if isawaitable(answers):  # one that writes its responses itself, as grpc lets it
                    await answers
                else:
                    await _write_all(answers, context)

        make: Any = getattr(grpc, f"{_BEHAVIOUR[kind]}_rpc_method_handler")
        wrapped: Handler = make(
            answer_with_stream if handler.response_streaming else answer,
            response_serializer=handler.response_serializer,
        )
        return wrapped

    def _refusing(self, method: str, refusal: Refusal) -> Handler:
        """Return a handler for RPCs of every kind: it asks for no request, and answers none."""

        async def refuse(_requests: AsyncIterator[bytes], context: Context) -> None:
            async with self._inside(method, context, is_stream=False):
                raise refusal

        # The types know only the synchronous server's handlers.
        behaviour: Any = refuse
        return grpc.stream_stream_rpc_method_handler(behaviour)

    @asynccontextmanager
    async def _inside(
        self, method: str, context: Context, *, is_stream: bool
    ) -> AsyncIterator[Principal]:
        rpc = Rpc(method, is_stream, _trace_context(context))
        with self._observe(rpc):
            async with (
                _told(rpc, context),
                self._guard.admitted(method, context, is_stream=is_stream) as principal,
            ):
                yield principal


def _parsed(parse: Parse, principal: Principal, raw: bytes) -> Message:
    try:
        request: Message = parse(raw)
    except DecodeError as error:
        raise InvalidRequest(
            [FieldViolation("", "the request is not a message of this method's type")]
        ) from error
    if _log.is_enabled_for(logging.DEBUG):
        _log.debug("rpc request", request=redacted(request))
    bind_tenant(request, principal)
    return request


async def _each_parsed(
    parse: Parse, principal: Principal, raws: AsyncIterator[bytes]
) -> AsyncIterator[Message]:
    async for raw in raws:
        yield _parsed(parse, principal, raw)


async def _write_all(answers: AsyncGenerator[Any, None], context: Context) -> None:
    # Written from here, not yielded to grpc: whatever surrounds the answers is then left in the
    # task that entered it, also when the client has gone.
    async with aclosing(answers) as responses:
        async for response in responses:
            await context.write(response)


@asynccontextmanager
async def _told(rpc: Rpc, context: Context) -> AsyncIterator[None]:
    """Turn what is raised inside into the RPC's status, and log how it ended."""
    began_s = time.perf_counter()
    code = grpc.StatusCode.OK
    reason = ""
    try:
        yield
    except Refusal as refusal:
        code, reason = code_of(refusal), refusal.reason
        rpc.refusal = refusal
        await context.abort(code, refusal.message, ((DETAILS_KEY, details_of(refusal)),))
    except Exception as error:  # noqa: BLE001 - the edge: nothing may escape as UNKNOWN
        code, reason = grpc.StatusCode.INTERNAL, type(error).__name__
        _log.error("rpc failed", method=rpc.method, error=reason, frames=frames_of(error))
        # The text may hold anything: the caller learns only that it is our fault.
        await context.abort(code, "a defect of mediabridge; its log has the details")
    except BaseException:
        code = grpc.StatusCode.CANCELLED
        raise
    finally:
        rpc.code = code.name
        # The guard has told of it, or has kept silent so as not to tell of it too often.
        if code is not grpc.StatusCode.UNAUTHENTICATED:
            _log.info(
                "rpc",
                method=rpc.method.rpartition("/")[2],
                code=code.name,
                reason=reason,
                ms=round((time.perf_counter() - began_s) * 1000, 1),
            )


def _trace_context(context: Context) -> dict[str, str]:
    metadata = context.invocation_metadata() or ()
    return {key: str(value) for key, value in metadata if key in _TRACE_HEADERS}


def _unobserved(_rpc: Rpc) -> AbstractContextManager[None]:
    return nullcontext()
