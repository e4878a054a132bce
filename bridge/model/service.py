"""How does a session come to be? Opened at the provider of realtime models, and configured."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self, TypeVar

from websockets.exceptions import WebSocketException

from bridge.errors import ModelError, ModelFailure
from bridge.model.commands import Command, EventId, command
from bridge.model.configuration import safety_headers, session_object
from bridge.model.failures import opening_error, rejected_configuration
from bridge.model.fields import MalformedFrame, nested, number, parse_object, text
from bridge.model.items import context_items
from bridge.model.minting import KeyMaker
from bridge.model.provider import OPENAI, Provider
from bridge.model.session import RealtimeSession
from bridge.model.settings import RealtimeSettings
from bridge.model.socket import ModelSocket, connect
from bridge.model.wire import Decoder, Refused, SessionCreated, SessionUpdated
from bridge.ports.model import EphemeralKey, ModelKeys
from bridge.ports.model_config import ModelConfig

_Event = TypeVar("_Event", SessionCreated, SessionUpdated)

_DEFAULTS: Final = RealtimeSettings()

# What opening a session or making a key may raise besides ModelError. UnicodeError and ValueError
# come from addresses and headers that cannot be.
_OPENING_FAILURES: Final = (
    WebSocketException,
    OSError,
    TimeoutError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Dialled:
    """A session that is open, and not configured yet."""

    socket: ModelSocket
    decoder: Decoder
    created: SessionCreated

    @property
    def expires_in_s(self) -> float | None:
        limit = self.created.expires_at_s
        return None if limit is None else limit - time.time()


class RealtimeModels:
    """Any server that speaks the Realtime protocol. `aclose` lets go of its HTTP connections.

    :raises ValueError: the key is missing, or the address cannot be one.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        settings: RealtimeSettings = _DEFAULTS,
        keys: ModelKeys | None = None,
    ) -> None:
        """
        :param keys: asked for a key for each connection, in place of `api_key`.
        """
        self._provider = Provider(api_key, base_url or OPENAI)
        self._settings = settings
        self._keys = keys
        self._key_maker = KeyMaker(self._provider, settings.key_deadline_s)

    @property
    def realtime_url(self) -> str:
        """Return the provider's address for realtime WebSockets."""
        return self._provider.realtime_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close idle HTTP connections. Open sessions go on."""
        await self._key_maker.aclose()

    @asynccontextmanager
    async def open(self, config: ModelConfig) -> AsyncIterator[RealtimeSession]:
        """Open a session. Cancelling leaves no socket behind.

        :raises ModelError: it could not be opened in time, or `config` was refused.
        """
        async with await self.connect(config, context_items(config.context)) as session:
            yield session

    async def connect(
        self, config: ModelConfig, items: Sequence[Mapping[str, object]] = ()
    ) -> RealtimeSession:
        """Return a session to be entered, that has been told the items of a conversation.

        :raises ModelError: it could not be opened in time, or `config` was refused.
        """
        try:
            async with asyncio.timeout(self._settings.open_deadline_s):
                dialled = await self._dial(config.model, config.safety_identifier)
                return await self._configure(dialled, config, items)
        except _OPENING_FAILURES as error:
            raise opening_error(error) from None

    async def dial(self, model: str) -> Dialled:
        """Open a session that is not configured yet.

        :raises ModelError: it could not be opened in time.
        """
        try:
            async with asyncio.timeout(self._settings.open_deadline_s):
                return await self._dial(model, None)
        except _OPENING_FAILURES as error:
            raise opening_error(error) from None

    async def adopt(
        self, dialled: Dialled, config: ModelConfig, items: Sequence[Mapping[str, object]] = ()
    ) -> RealtimeSession:
        """Configure a session that was dialled; its socket is dropped where that fails.

        :raises ModelError: it is gone, or `config` was refused.
        """
        try:
            async with asyncio.timeout(self._settings.open_deadline_s):
                return await self._configure(dialled, config, items)
        except _OPENING_FAILURES as error:
            raise opening_error(error) from None

    async def prepare_keys(self) -> None:
        """Load what makes keys, so that whoever asks for the first does not wait for it."""
        await self._key_maker.load()

    async def create_ephemeral_key(self, config: ModelConfig, ttl_s: int) -> EphemeralKey:
        """Have the provider make a key for a browser; `config` comes with it.

        :raises ModelError: the provider refused, or did not answer in time.
        """
        return await self._create_key(session_object(config), config.safety_identifier, ttl_s)

    async def mint(self, model: str, safety_identifier: str | None, ttl_s: int) -> EphemeralKey:
        """Have the provider make a key for a session that is yet to be configured.

        :raises ModelError: the provider refused, or did not answer in time.
        """
        bare = {"type": "realtime", "model": model}
        return await self._create_key(bare, safety_identifier, ttl_s)

    async def _create_key(
        self, session: Mapping[str, object], safety_identifier: str | None, ttl_s: int
    ) -> EphemeralKey:
        headers = safety_headers(safety_identifier)
        try:
            return _ephemeral_key(await self._key_maker.make(session, ttl_s, headers))
        except (MalformedFrame, OverflowError):
            raise ModelError(ModelFailure.UNAVAILABLE, "protocol") from None

    async def _dial(self, model: str, safety_identifier: str | None) -> Dialled:
        headers = safety_headers(safety_identifier)
        provider = self._provider
        if self._keys is not None:
            provider = provider.with_key(await self._keys.key_for(model, safety_identifier))
        socket = await connect(provider, model, headers, self._settings)
        try:
            decoder = Decoder()
            created = await _next(SessionCreated, socket, decoder)
        except BaseException:
            await socket.drop()
            raise
        return Dialled(socket, decoder, created)

    async def _configure(
        self, dialled: Dialled, config: ModelConfig, items: Sequence[Mapping[str, object]]
    ) -> RealtimeSession:
        socket, decoder = dialled.socket, dialled.decoder
        try:
            update = EventId(Command.UPDATE, 0)
            await socket.send(command(update, session=session_object(config)))
            await _next(SessionUpdated, socket, decoder)
            session = RealtimeSession(
                socket,
                decoder,
                session_id=dialled.created.session_id,
                config=config,
                outbox_ms=self._settings.outbox_ms,
                expires_in_s=dialled.expires_in_s,
            )
            for item in items:
                await session.create(item)
        except BaseException:
            await socket.drop()
            raise
        return session


async def _next(wanted: type[_Event], socket: ModelSocket, decoder: Decoder) -> _Event:
    while True:
        event = decoder.decode(await socket.receive())
        if isinstance(event, Refused):
            raise rejected_configuration(event)
        if isinstance(event, wanted):
            return event


def _ephemeral_key(body: bytes) -> EphemeralKey:
    fields = parse_object(body)
    return EphemeralKey(
        value=text(fields, "value"),
        expires_at=datetime.fromtimestamp(number(fields, "expires_at"), UTC),
        session=nested(fields, "session"),
    )
