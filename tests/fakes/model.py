"""A provider of realtime models that does what a test tells it, without network or time.

Held to the same facts as the real one by tests/contract/test_model_contract.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeVar

from bridge.errors import ModelError, ModelFailure
from bridge.pcm import MODEL_RATE_HZ, byte_count, duration_ms
from bridge.ports.model import EphemeralKey, ModelCounters
from bridge.ports.model_config import ConfigChange, ContextItem, ModelConfig
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    FunctionCall,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    ToolAnswered,
    TurnCommitted,
)
from bridge.ports.tool import ToolCallId
from bridge.ports.usage import TokenCounts


@dataclass(frozen=True, slots=True)
class Responded:
    tag: str
    instructions: str | None
    say: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    response_id: str | None


@dataclass(frozen=True, slots=True)
class Truncated:
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Deleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A function's output was told."""

    call_id: ToolCallId
    output: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A turn was ended by hand."""


@dataclass(frozen=True, slots=True)
class Updated:
    """The configuration was changed."""

    change: ConfigChange


@dataclass(frozen=True, slots=True)
class Added:
    """The model was told something."""

    item: ContextItem


Sent = Responded | Cancelled | Truncated | Deleted | Answered | Committed | Updated | Added
_S = TypeVar("_S", Responded, Cancelled, Truncated, Deleted, Answered, Committed, Updated, Added)


_SHORTEST_TURN_MS = 100


class Answers(Enum):
    """What a session does by itself when it is asked to respond."""

    NONE = "none"
    """Nothing: the test pushes what is to happen."""
    BEGUN = "begun"
    """The response starts and speaks, and goes on until it is cancelled."""
    WHOLE = "whole"
    """The response is given from beginning to end."""
    CALLS = "calls"
    """It calls two functions, unless it has just been told an output: then it gives it back."""


class FakeSession:
    """A session that records what it is told, and says what it is given."""

    def __init__(self, number: int, config: ModelConfig, answers: Answers) -> None:
        self.config = config
        self.answers = answers
        self.sent: list[Sent] = []
        """Every command, in order."""
        self.audio = bytearray()
        """The user's sound so far."""
        self.closed = False
        self.takes_commands = asyncio.Event()
        """Commands wait for it: clear it, and the socket is full."""
        self.takes_commands.set()
        self.acknowledges = True
        self._session_id = f"sess_{number}"
        self._responses = 0
        self._active: list[str] = []
        self._calls = 0
        self._turns = 0
        self._committed = 0
        self._called: set[ToolCallId] = set()
        self._outputs: list[str] = []
        self._failure: ModelError | None = None
        self._waiting: asyncio.Queue[ModelEvent | None] = asyncio.Queue()
        self._unseen: asyncio.Queue[Sent] = asyncio.Queue()
        self._received_ms = 0.0
        self._dropped_ms = 0.0

    # What the test does.

    @property
    def responding(self) -> str | None:
        """Return the response that is under way."""
        return self._active[0] if self._active else None

    def push(self, *events: ModelEvent) -> None:
        """Let the model say `events`; each response must begin before it ends."""
        for event in events:
            match event:
                case ResponseStarted():
                    self._active.append(event.response_id)
                case ResponseDone():
                    self._active.remove(event.response_id)
                case FunctionCall():
                    self._called.add(event.call_id)
                case AudioDelta():
                    self._received_ms += duration_ms(len(event.pcm), MODEL_RATE_HZ)
                case _:
                    pass
            self._waiting.put_nowait(event)

    def begin_answer(self, tag: str | None = None, audio_ms: float = 100, text: str = "Hi.") -> str:
        """Let a response start and speak for `audio_ms`; return its id."""
        self._responses += 1
        response_id, item_id = f"resp_{self._responses}", f"item_{self._responses}"
        pcm = bytes(byte_count(audio_ms, MODEL_RATE_HZ))
        self.push(
            ResponseStarted(response_id, tag),
            AgentTextDelta(item_id, 0, text),
            AudioDelta(response_id, item_id, 0, pcm),
        )
        return response_id

    def end_answer(self, response_id: str, text: str = "Hi.") -> None:
        """Let a response that `begin_answer` began come to its end."""
        item_id = response_id.replace("resp", "item")
        self.push(
            AudioDone(response_id, item_id, 0),
            AgentTextDone(item_id, 0, text),
            ResponseDone(response_id, ResponseStatus.COMPLETED, TokenCounts(output_audio=1)),
        )

    def answer(self, tag: str | None = None, audio_ms: float = 100, text: str = "Hi.") -> None:
        """Let a whole response happen."""
        self.end_answer(self.begin_answer(tag, audio_ms, text), text)

    def call(self, *names: str, arguments: str = "{}", tag: str | None = None) -> list[ToolCallId]:
        """Let a response call functions, and end."""
        self._responses += 1
        response_id = f"resp_{self._responses}"
        self.push(ResponseStarted(response_id, tag))
        calls = self.call_within(response_id, *names, arguments=arguments)
        self.push(ResponseDone(response_id, ResponseStatus.COMPLETED, TokenCounts(output_text=1)))
        return calls

    def call_within(self, response_id: str, *names: str, arguments: str = "{}") -> list[ToolCallId]:
        """Let a response that has begun call functions."""
        calls = []
        for name in names:
            self._calls += 1
            call_id = ToolCallId(f"call_{self._calls}")
            item_id = f"function_{self._calls}"
            self.push(FunctionCall(response_id, item_id, call_id, name, arguments))
            calls.append(call_id)
        return calls

    def acknowledge(self, call_id: ToolCallId) -> None:
        """Let the model take in an output; it does so by itself while it `acknowledges`."""
        self.push(ToolAnswered(call_id))

    def fail(self, error: ModelError) -> None:
        """Break the session: after what was pushed so far, the reader gets `error`."""
        if self._failure is None:
            self._failure = error
        self.takes_commands.set()
        self._waiting.put_nowait(None)

    async def next_sent(self, kind: type[_S]) -> _S:
        """Wait for the next command that is a `kind`; others before it are passed over."""
        while not isinstance(sent := await self._unseen.get(), kind):
            pass
        return sent

    # What the port says.

    @property
    def session_id(self) -> str:
        return self._session_id

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        if self.closed:
            self._dropped_ms += duration_ms(len(pcm), MODEL_RATE_HZ)
        else:
            self.audio.extend(pcm)

    async def respond(
        self, *, tag: str, instructions: str | None = None, say: str | None = None
    ) -> None:
        if instructions is not None and say is not None:
            raise ValueError("instructions and say exclude each other")
        await self._record(Responded(tag, instructions, say))
        if self._active:
            code = "conversation_already_has_active_response"
            self.push(ModelWarning(code, "response.create refused", tag))
        elif self.answers is Answers.WHOLE:
            self.answer(tag, text=say or "Hi.")
        elif self.answers is Answers.BEGUN:
            self.begin_answer(tag, text=say or "Hi.")
        elif self.answers is Answers.CALLS and self._outputs:
            self.answer(tag, text=" ".join(self._outputs))
            self._outputs.clear()
        elif self.answers is Answers.CALLS:
            self.call("weather", "time", arguments='{"city":"Paris"}', tag=tag)

    async def commit_turn(self) -> None:
        await self._record(Committed())
        if duration_ms(len(self.audio) - self._committed, MODEL_RATE_HZ) < _SHORTEST_TURN_MS:
            self.push(ModelWarning("input_audio_buffer_commit_empty", "commit refused"))
            return
        self._committed = len(self.audio)
        self._turns += 1
        self.push(TurnCommitted(f"turn_{self._turns}"))

    async def cancel(self, response_id: str | None = None) -> None:
        await self._record(Cancelled(response_id))
        for active in list(self._active):
            if response_id in {None, active}:
                self.push(ResponseDone(active, ResponseStatus.CANCELLED, TokenCounts()))

    async def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        await self._record(Truncated(item_id, content_index, audio_end_ms))

    async def delete(self, item_id: str) -> None:
        await self._record(Deleted(item_id))

    async def answer_tool(self, call_id: ToolCallId, output: str) -> None:
        await self._record(Answered(call_id, output))
        if call_id in self._called:
            self._outputs.append(output)
            if self.acknowledges:
                self.acknowledge(call_id)
        else:
            self.push(ModelWarning("invalid_tool_call_id", "conversation.item.create refused"))

    async def add_context(self, item: ContextItem) -> None:
        await self._record(Added(item))

    async def update(self, change: ConfigChange) -> None:
        await self._record(Updated(change))
        self.config = change.applied_to(self.config)

    async def events(self) -> AsyncIterator[ModelEvent]:
        while not self.closed:
            if self._failure is not None and self._waiting.empty():
                raise self._failure
            event = await self._waiting.get()
            if event is not None:
                yield event

    def counters(self) -> ModelCounters:
        return ModelCounters(
            audio_sent_ms=duration_ms(len(self.audio), MODEL_RATE_HZ),
            audio_dropped_ms=self._dropped_ms,
            audio_received_ms=self._received_ms,
        )

    def close(self) -> None:
        """End the session as leaving its `async with` does."""
        self.closed = True
        self.takes_commands.set()
        self._waiting.put_nowait(None)

    async def _record(self, sent: Sent) -> None:
        await self.takes_commands.wait()
        if self._failure is not None:
            raise self._failure
        if self.closed:
            raise ModelError(ModelFailure.LOST, "closed")
        self.sent.append(sent)
        self._unseen.put_nowait(sent)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeModels:
    """A provider whose next refusal, delay and sessions a test decides."""

    def __init__(
        self, answers: Answers = Answers.NONE, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self.answers = answers
        self.sessions: list[FakeSession] = []
        """Every session opened so far, in order."""
        self.configs: list[ModelConfig] = []
        """What was asked for so far, refused or not."""
        self.refusal: ModelError | None = None
        """What openings and keys fail with, while it is set."""
        self.may_open = asyncio.Event()
        """Openings wait for it: clear it, and the provider is slow."""
        self.may_open.set()
        self._now = now
        self._keys = 0
        self._opened: asyncio.Queue[FakeSession] = asyncio.Queue()

    async def next_session(self) -> FakeSession:
        """Wait for the next session to be opened."""
        return await self._opened.get()

    @asynccontextmanager
    async def open(self, config: ModelConfig) -> AsyncIterator[FakeSession]:
        self.configs.append(config)
        await self.may_open.wait()
        if self.refusal is not None:
            raise self.refusal
        session = FakeSession(len(self.sessions) + 1, config, self.answers)
        self.sessions.append(session)
        self._opened.put_nowait(session)
        try:
            yield session
        finally:
            session.close()

    async def create_ephemeral_key(self, config: ModelConfig, ttl_s: int) -> EphemeralKey:
        self.configs.append(config)
        if self.refusal is not None:
            raise self.refusal
        self._keys += 1
        expires_at = self._now() + timedelta(seconds=ttl_s)
        return EphemeralKey(f"ek_{self._keys}", expires_at, {"model": config.model})
