"""How does one open session run? What goes out, what comes in, and how it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Self

from websockets.exceptions import ConnectionClosed

from bridge.errors import ModelError
from bridge.model.commands import Command
from bridge.model.configuration import response_object, session_changes
from bridge.model.downfall import Downfall
from bridge.model.failures import fatal_error, is_harmless, warning
from bridge.model.items import FunctionCalls, added
from bridge.model.sender import Sender
from bridge.model.socket import ModelSocket
from bridge.model.tracking import ReceivedAudio, Responses
from bridge.model.wire import (
    Decoder,
    Refused,
    ResponseOver,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from bridge.ports.model import ModelCounters
from bridge.ports.model_config import ConfigChange, ContextItem, ModelConfig
from bridge.ports.model_event import (
    AudioDelta,
    FunctionCall,
    ModelEvent,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolAnswered,
)
from bridge.ports.tool import ToolCallId


class RealtimeSession:
    """An open, configured session on one socket. Entering starts its sender, leaving closes it."""

    def __init__(
        self,
        socket: ModelSocket,
        decoder: Decoder,
        *,
        session_id: str,
        config: ModelConfig,
        outbox_ms: int,
        expires_in_s: float | None,
    ) -> None:
        self._socket = socket
        self._decoder = decoder
        self._session_id = session_id
        self._config = config
        self._downfall = Downfall(socket, expires_in_s)
        self._sender = Sender(socket, self._downfall, outbox_ms)
        self._audio = ReceivedAudio()
        self._responses = Responses()
        self._calls = FunctionCalls()
        self._ready: deque[ModelEvent] = deque()
        self._added = 0
        self._ignored_refusals = 0
        self._tasks = asyncio.TaskGroup()
        self._closing = False
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        if not self._closing:
            self._sender.start(self._tasks)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.aclose()
        finally:
            # The group does not learn of what the body raised: it would wrap it into a group, and
            # the caller's `except ModelError` would no longer match.
            await self._tasks.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """Close the session. Never hangs; a second caller waits for the first."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        try:
            self._sender.stop()
            await self._socket.aclose()
        finally:
            self._sender.outbox.discard()
            self._closed.set()

    @property
    def session_id(self) -> str:
        return self._session_id

    @property
    def expires_in_s(self) -> float | None:
        """How long the provider lets it live on, where it has said."""
        return self._downfall.expires_in_s

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Send audio of the user, or queue it where the socket is full.

        A full queue drops its oldest, a closed session all of it.
        """
        self._sender.audio_nowait(pcm)

    async def respond(
        self, *, tag: str, instructions: str | None = None, say: str | None = None
    ) -> None:
        """Ask for a response. Once cancelled, it may have been asked for or not.

        `say` is a request like any other, made with nothing else in the model's sight and no tool
        in its hand. It mostly keeps to the words, but nothing forces it: where each word matters
        (a legal notice), play a recording instead.

        :raises ModelError: the session is gone.
        :raises ValueError: both `instructions` and `say` are given.
        """
        if instructions is not None and say is not None:
            raise ValueError("instructions and say exclude each other")
        response = response_object(tag, self._config.instructions, instructions, say)
        self._responses.requested(tag)
        try:
            await self._sender.command(Command.RESPOND, tag, response=response)
        except ModelError:
            self._responses.refused(tag)
            raise

    async def commit_turn(self) -> None:
        """Make a turn of what the user has said since the last.

        :raises ModelError: the session is gone.
        """
        await self._sender.audio_gone()  # what still waits then will be in the next turn
        await self._sender.command(Command.COMMIT)

    async def cancel(self, response_id: str | None = None) -> None:
        """Stop `response_id`, or all there is: also what was asked for and has not begun.

        :raises ModelError: the session is gone.
        """
        for active in self._responses.cancel(response_id):
            await self._sender.command(Command.CANCEL, response_id=active)

    async def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Make the model forget an item's sound after `audio_end_ms`.

        :raises ModelError: the session is gone.
        """
        end_ms = self._audio.clamp_ms(item_id, content_index, audio_end_ms)
        await self._sender.command(
            Command.TRUNCATE, item_id=item_id, content_index=content_index, audio_end_ms=end_ms
        )

    async def delete(self, item_id: str) -> None:
        """Make the model forget an item.

        :raises ModelError: the session is gone.
        """
        await self._sender.command(Command.DELETE, item_id=item_id)

    async def answer_tool(self, call_id: ToolCallId, output: str) -> None:
        """Tell the model what came of a call, the first time or again.

        :raises ModelError: the session is gone.
        """
        for item in self._calls.answer(call_id, output):
            await self.create(item)

    async def add_context(self, item: ContextItem) -> None:
        """Tell the model something, at the end of the conversation.

        :raises ModelError: the session is gone.
        """
        self._added += 1
        await self.create(added(self._added, item))

    @property
    def config(self) -> ModelConfig:
        """What it was told to be, whether or not it has taken all of it."""
        return self._config

    async def update(self, change: ConfigChange) -> None:
        """Go on with another configuration.

        :raises ModelError: the session is gone.
        """
        await self.configure(change.applied_to(self._config))

    async def configure(self, config: ModelConfig) -> None:
        """Become what `config` says.

        :raises ModelError: the session is gone.
        """
        changes = session_changes(self._config, config)
        self._config = config
        if changes:
            await self._sender.command(Command.UPDATE, session={"type": "realtime", **changes})

    async def create(self, item: Mapping[str, object], after: str | None = None) -> None:
        """Tell the model an item of the conversation; `after` another, or at its end.

        :raises ModelError: the session is gone.
        """
        place = {} if after is None else {"previous_item_id": after}
        await self._sender.command(Command.CREATE, item=item, **place)

    async def events(self) -> AsyncIterator[ModelEvent]:
        """Yield what the model says until we close. One reader; who stops may go on later.

        A reader that stands still stops the socket, and loses the session when pongs go unread.

        :raises ModelError: the session ended otherwise.
        """
        while not self._closing:
            while self._ready:
                yield self._ready.popleft()
            if self._downfall.cause is not None:
                raise self._downfall.cause
            await self._receive()

    def counters(self) -> ModelCounters:
        return ModelCounters(
            audio_sent_ms=self._sender.outbox.sent_ms,
            audio_queued_ms=self._sender.outbox.queued_ms,
            audio_dropped_ms=self._sender.outbox.dropped_ms,
            audio_received_ms=self._audio.total_ms,
            round_trip_ms=self._socket.round_trip_ms,
            malformed_frames=self._decoder.malformed,
            unknown_events=self._decoder.unknown,
            ignored_refusals=self._ignored_refusals,
        )

    async def _receive(self) -> None:
        try:
            event = self._decoder.decode(await self._socket.receive())
            if event is not None:
                await self._accept(event)
        except ConnectionClosed as closed:
            if not self._closing:
                self._downfall.fail(self._downfall.by_closing(closed))
        except ModelError as error:
            self._downfall.fail(error)

    async def _accept(self, event: ServerEvent) -> None:
        match event:
            case AudioDelta():
                if whole := self._audio.add(event):
                    self._ready.append(whole)
            case ResponseStarted():
                self._ready.append(event)
                if self._responses.started(event.response_id, event.request_tag):
                    # Should it fail, what is still to be read tells why.
                    with suppress(ModelError):
                        await self.cancel(event.response_id)
            case ResponseOver():
                self._accept_end(event)
            case Refused():
                self._accept_refusal(event)
            case SessionCreated() | SessionUpdated():
                pass
            case _:
                self._ready.append(self._completed(event))

    def _completed(self, event: ModelEvent) -> ModelEvent:
        """Return what the server says, with what only we know of it."""
        match event:
            case SpeechStarted(_, at_ms) | SpeechStopped(_, at_ms):
                return replace(event, at_s=self._sender.outbox.sent_at_s(at_ms))
            case FunctionCall():
                self._calls.note(event)
            case ToolAnswered():
                return self._calls.original(event)
        return event

    def _accept_end(self, over: ResponseOver) -> None:
        done = over.done
        if not self._responses.over(done.response_id, over.request_tag):
            # Its beginning never came; to our reader every response has one.
            self._ready.append(ResponseStarted(done.response_id, over.request_tag))
        self._ready.append(done)
        if error := fatal_error(done.detail):
            self._downfall.fail(error)

    def _accept_refusal(self, refused: Refused) -> None:
        if error := fatal_error(refused.code):
            raise error
        if is_harmless(refused):
            self._ignored_refusals += 1
            return
        told = warning(refused)
        if told.request_tag is not None:
            self._responses.refused(told.request_tag)
        self._ready.append(told)
