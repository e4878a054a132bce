"""How is a server reached: one channel, with a key, deadlines, and retries that are safe."""

from collections.abc import AsyncGenerator, Callable
from typing import Final, TypeVar

import grpc

from bridge.addresses import is_local
from bridge.client.errors import raised_as_ours
from bridge.client.retries import SERVICE_CONFIG

ApiKey = str | Callable[[], str] | None
"""A key, a token, or what returns one whenever it is needed."""

# Creating a call asks LiveKit for a room; ending one waits for its goodbyes.
DEADLINE_S: Final = 15.0

# A page of 1,000 calls or a report of 1,000 turns; gRPC's own limit is half of it.
_MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024

_CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
    # A stream without events must notice a dead peer; the server permits pings of this pace.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC's own pause before it connects again, of up to two minutes, would outlast ours.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.service_config", SERVICE_CONFIG),
)

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Connection:
    """A channel that connects on first use."""

    def __init__(
        self,
        target: str,
        *,
        api_key: ApiKey,
        credentials: grpc.ChannelCredentials | None,
        plaintext_key: bool,
        deadline_s: float,
    ) -> None:
        """
        :raises ValueError: the key would go in the clear to another machine.
        """
        if api_key and not credentials and not plaintext_key and not _stays_here(target):
            raise ValueError(
                f"the API key would go to {target} in the clear: use TLS, or allow a plaintext key"
            )
        self._api_key = api_key
        self._deadline_s = deadline_s
        self.channel = (
            grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
        )

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes with an RPC: the key that is good now."""
        if not self._api_key:
            return ()
        key = self._api_key if isinstance(self._api_key, str) else self._api_key()
        return (("authorization", f"Bearer {key}"),)

    async def unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[_Request, _Response], request: _Request
    ) -> _Response:
        """Ask once, or as often as gRPC may within the deadline.

        :raises BridgeCallError: the server refused, or did not answer.
        """
        with raised_as_ours():
            return await method(request, timeout=self._deadline_s, metadata=self.metadata())

    async def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[_Request, _Response], request: _Request
    ) -> AsyncGenerator[_Response, None]:
        """Yield what one stream says; whoever stops listening cancels it.

        :raises BridgeCallError: the server refused, or the stream broke.
        """
        answers = method(request, metadata=self.metadata())
        try:
            with raised_as_ours():
                async for answer in answers:
                    yield answer
        finally:
            answers.cancel()

    async def aclose(self) -> None:
        """Close the channel, breaking off every call on it."""
        await self.channel.close()


def _stays_here(target: str) -> bool:
    try:
        return is_local(target)
    except ValueError:  # a form of address that only grpc knows
        return False
