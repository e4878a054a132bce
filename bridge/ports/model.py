"""What a call asks of a realtime model: a session that hears, speaks and says what happened."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bridge.ports.model_config import ConfigChange, ContextItem, ModelConfig
from bridge.ports.model_event import ModelEvent
from bridge.ports.tool import ToolCallId


@dataclass(frozen=True, slots=True)
class ModelCounters:
    """Totals of one session, over all its connections."""

    audio_sent_ms: float = 0.0
    audio_queued_ms: float = 0.0
    audio_dropped_ms: float = 0.0
    """Audio that waited longer than the queue holds and was discarded, oldest first."""
    audio_received_ms: float = 0.0
    round_trip_ms: float | None = None
    """Of the last ping."""
    malformed_frames: int = 0
    """What the model sent that nobody could read."""
    unknown_events: int = 0
    """What it sent that we have no name for."""
    ignored_refusals: int = 0
    """Commands it refused because what they would have stopped or cut was already gone."""
    reconnects: int = 0
    """How often a lost connection was made anew."""
    rotations: int = 0
    """How often a session was replaced before its time was up."""
    gap_ms: float = 0.0
    """For how long there was no session, in all."""


class ModelSession(Protocol):
    """An open, configured session. It may outlive the connections it is carried by.

    While a lost connection is made anew, commands are kept, and audio is dropped and counted.
    """

    @property
    def session_id(self) -> str:
        """The provider's name for it: of the newest connection, where there were several."""
        ...

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Queue 24 kHz mono int16 audio of the user. A full queue drops its oldest audio."""
        ...

    async def respond(
        self, *, tag: str, instructions: str | None = None, say: str | None = None
    ) -> None:
        """Ask for a response now: of its own, with more instructions, or to say exactly `say`.

        `instructions` come on top of the session's. A model is only asked to keep to `say`; most
        words of most texts come out.

        :raises ModelError: the session is gone.
        :raises ValueError: both `instructions` and `say` are given.
        """
        ...

    async def commit_turn(self) -> None:
        """Make a turn of what the user has said since the last; the model does not answer it.

        Of less than 100 ms it makes none, and warns.

        :raises ModelError: the session is gone.
        """
        ...

    async def cancel(self, response_id: str | None = None) -> None:
        """Stop a response. One that is already over is no error."""
        ...

    async def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Make the model forget what of an item nobody heard."""
        ...

    async def delete(self, item_id: str) -> None:
        """Make the model forget an item of which nothing was heard."""
        ...

    async def answer_tool(self, call_id: ToolCallId, output: str) -> None:
        """Tell the model what came of a function that it called; it does not respond by itself.

        `ToolAnswered` follows. A call may be answered more than once: first that work has begun,
        then what came of it.

        :raises ModelError: the session is gone.
        """
        ...

    async def add_context(self, item: ContextItem) -> None:
        """Tell the model something, at the end of the conversation; it does not respond to it.

        :raises ModelError: the session is gone.
        """
        ...

    async def update(self, change: ConfigChange) -> None:
        """Go on with another configuration; what the model refuses of it is a `ModelWarning`.

        :raises ModelError: the session is gone.
        """
        ...

    def events(self) -> AsyncIterator[ModelEvent]:
        """Yield what the model says, in order, until the session is closed by us. One reader.

        :raises ModelError: the session ended otherwise.
        """
        ...

    def counters(self) -> ModelCounters: ...


@dataclass(frozen=True, slots=True)
class EphemeralKey:
    """A short-lived key for a browser that talks to the model itself."""

    value: str = field(repr=False)
    expires_at: datetime
    session: Mapping[str, object] = field(repr=False)


class ModelKeys(Protocol):
    """Where a key for one connection comes from."""

    async def key_for(self, model: str, safety_identifier: str | None) -> str:
        """Return a key that opens sessions of this model, on behalf of this user, from now on.

        It may expire soon after: another connection takes another.

        :raises ModelError: the provider refused or did not answer.
        """
        ...


class ModelService(Protocol):
    """A provider of realtime sessions."""

    def open(self, config: ModelConfig) -> AbstractAsyncContextManager[ModelSession]:
        """Open a session that has accepted `config` on entering, and is closed on leaving.

        :raises ModelError: it could not be opened or refused the configuration.
        """
        ...

    async def create_ephemeral_key(self, config: ModelConfig, ttl_s: int) -> EphemeralKey:
        """
        :raises ModelError: the provider refused or did not answer.
        """
        ...
