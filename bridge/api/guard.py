"""Who gets past the edge: credentials checked, scopes compared, failures told with measure."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final

import grpc

from bridge.access.access import Access
from bridge.access.principal import Principal, Scope
from bridge.api.asker import asked_by
from bridge.api.open_streams import OpenStreams
from bridge.api.scopes import scope_of
from bridge.errors import Forbidden, Unauthenticated
from bridge.logs import get_logger
from bridge.ports.clock import Clock

_log = get_logger(__name__)

_HEADER: Final = "authorization"

# Whoever knocks without a key must not fill the disk.
_LINES_A_MINUTE: Final = 20
_MINUTE_S: Final = 60.0

Context = grpc.aio.ServicerContext[Any, Any]


class Guard:
    """Lets RPCs in, each as somebody."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._streams = OpenStreams(access, clock)
        self._failures = _FailureLog(clock)

    @asynccontextmanager
    async def admitted(
        self, method: str, context: Context, *, is_stream: bool
    ) -> AsyncIterator[Principal]:
        """Let an RPC in for as long as the context lasts; `asker` then tells who asks.

        :raises Unauthenticated: nobody we know, from the start or, of a stream, from now on.
        :raises Forbidden: somebody who may not call this method.
        :raises Exhausted: somebody who has as many streams as they may have.
        """
        try:
            principal = await self._access.principal(_authorization(context))
            scope = scope_of(method)
            asked_by(principal, self._access)
            if scope is not None and not principal.may(scope):
                raise Forbidden(
                    "MISSING_SCOPE", f"this needs the scope {scope.value}", {"scope": scope.value}
                )
            if scope is Scope.ADMIN and principal.tenant_id is not None:
                raise Forbidden("TENANT_BOUND", "this is about all tenants, not about yours alone")
            held: AbstractAsyncContextManager[None] = (
                self._streams.hold(principal) if is_stream else nullcontext()
            )
            async with held:
                yield principal
        except Unauthenticated as refusal:
            self._failures.tell(method, context.peer(), refusal)
            raise

    def keys_changed(self) -> None:
        """End what goes on in the name of keys that are no longer good."""
        self._streams.end_those_not_current()


class _FailureLog:
    """Writes a few lines a minute, and how many it did not write."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at_s = clock.monotonic_s()
        self._told = 0
        self._untold = 0

    def tell(self, method: str, peer: str, refusal: Unauthenticated) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._began_at_s >= _MINUTE_S:
            self._began_at_s, self._told = now_s, 0
        if self._told == _LINES_A_MINUTE:
            self._untold += 1
            return
        self._told += 1
        untold, self._untold = self._untold, 0
        _log.warning(
            "not authenticated",
            method=method,
            peer=peer,
            reason=refusal.reason,
            detail=refusal.detail,
            unlogged_before=untold,
        )


def _authorization(context: Context) -> list[str]:
    metadata = context.invocation_metadata() or ()
    # Of a text header, grpc has made sure that it is ASCII.
    return [str(value) for key, value in metadata if key == _HEADER]
