"""One response: streamed at the pace that is set, until it is done or stopped."""

import asyncio
import base64
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from bridge.simulator import wire
from bridge.simulator.audio_format import AudioFormat, audio_format
from bridge.simulator.behaviours import HangUp, Output, Speech, ToolCall
from bridge.simulator.conversation import Conversation, Item
from bridge.simulator.outlet import Outlet
from bridge.simulator.response_events import ResponseEvents
from bridge.simulator.sound import Samples, milliseconds_of, samples_of
from bridge.simulator.usage import CHARS_PER_TOKEN, SPOKEN_MS_PER_TOKEN
from bridge.simulator.wire import JsonObject, new_id

CancelReason: TypeAlias = Literal["turn_detected", "client_cancelled"]

# Roughly one token a delta, as the service sends them.
_ARGUMENT_CHARS_PER_DELTA: Final = 4
_WORDS: Final = re.compile(r"\S+\s*|\s+")
# The service's transcript runs ahead of its audio; here it is complete at half time.
_TRANSCRIPT_LEAD: Final = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a response is sent."""

    speed: float
    first_delta_ms: float
    delta_ms: float


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """What is settled about a response before it begins."""

    modality: Literal["audio", "text"]
    output_format: JsonObject
    voice: object
    max_output_tokens: int | Literal["inf"]
    metadata: JsonObject | None
    pace: Pace
    failure_code: str | None = None
    """Fail with this error instead of answering."""


class Response:
    """Streams one answer; `stop` cuts it off between two deltas, and the first reason wins."""

    def __init__(
        self,
        plan: ResponsePlan,
        outlet: Outlet,
        conversation: Conversation | None,
        on_first_delta: Callable[[], Awaitable[None]],
    ) -> None:
        self.id = new_id("resp")
        self.done = asyncio.Event()
        """Set once response.done is sent."""
        self.opened = asyncio.Event()
        """Set once an endless response takes chunks, or never will."""
        self.wants_hang_up = False
        self.audio_ms = 0.0
        """How much audio it has sent."""
        self._plan = plan
        self._outlet = outlet
        self._conversation_id = conversation.id if conversation else None
        self._events = ResponseEvents(self.id, outlet, conversation)
        self._on_first_delta = on_first_delta
        self._format: AudioFormat = audio_format(plan.output_format["type"])
        self._began_at: float | None = None
        self._stopped = asyncio.Event()
        self._reason: CancelReason | Literal["max_output_tokens"] | None = None
        self._echo_item: Item | None = None

    @property
    def ending(self) -> bool:
        """Whether it was cut off or has nothing more to say, and is about to be done."""
        return self._stopped.is_set()

    @property
    def output(self) -> list[Item]:
        """The items it has produced so far."""
        return self._events.output

    def stop(self, reason: CancelReason) -> None:
        """Cut the response off; it still closes what it opened."""
        if not self.ending:
            self._reason = reason
            self._stopped.set()

    async def announce(self) -> None:
        """Send response.created."""
        await self._outlet.send({"type": "response.created", "response": self._body("in_progress")})

    async def stream(self, answer: Callable[[], Sequence[Output]]) -> None:
        """Send what the answer is made of, up to but without response.done."""
        thinking_s = self._plan.pace.first_delta_ms / 1000
        if self._plan.failure_code or await self._stopped_within(thinking_s):
            return
        for output in answer():
            await self._put_out(output)
            if self._reason:
                break

    async def stream_echo(self) -> None:
        """Stay open until stopped, as a message that `echo` fills."""
        if self._plan.failure_code:
            self.opened.set()
            return
        self._echo_item = await self._events.open_speech()
        self.opened.set()
        await self._stopped.wait()
        await self._events.close_speech(self._echo_item, "", complete=False)

    async def echo(self, delta: str, audio_ms: float) -> None:
        """Send one chunk of an endless response; dropped before it is open and after its stop."""
        if self._echo_item and not self.ending:
            await self._send_audio(self._echo_item, delta, audio_ms)

    async def finish(self, usage: JsonObject) -> None:
        """Send response.done and what follows it."""
        self._stopped.set()
        body = {**self._body(self._status()), "usage": usage}
        await self._outlet.send({"type": "response.done", "response": body})
        await self._outlet.send(wire.rate_limits_updated())
        self.done.set()

    async def _put_out(self, output: Output) -> None:
        match output:
            case Speech(_, transcript) if self._plan.modality == "text":
                await self._write(transcript)
            case Speech(audio, transcript):
                await self._say(audio, transcript)
            case ToolCall(name, arguments):
                await self._call(name, arguments)
            case HangUp():
                self.wants_hang_up = True
            case _:
                assert_never(output)

    async def _say(self, audio: Samples, transcript: str) -> None:
        item = await self._events.open_speech()
        allowed = self._allowed(audio)
        words, said = _WORDS.findall(transcript), 0
        step = max(1, samples_of(self._plan.pace.delta_ms))
        count = math.ceil(allowed.size / step) or 1
        for index in range(count):
            if await self._stopped_within(self._wait_s()):
                break
            due = math.ceil(_TRANSCRIPT_LEAD * (index + 1) * len(words) / count)
            for word in words[said:due]:
                await self._events.transcript(item, word)
                said += 1
            chunk = allowed[index * step : (index + 1) * step]
            if chunk.size:
                delta = base64.b64encode(self._format.encode(chunk)).decode()
                await self._send_audio(item, delta, chunk.size * 1000 / samples_of(1000))
        self._cut_short_if(allowed.size < audio.size)
        await self._events.close_speech(item, "".join(words[:said]), complete=not self._reason)

    async def _write(self, text: str) -> None:
        item = await self._events.open_text()
        limit = self._plan.max_output_tokens
        allowed = text if limit == "inf" else text[: limit * CHARS_PER_TOKEN]
        said = ""
        for word in _WORDS.findall(allowed):
            if await self._stopped_within(0):
                break
            await self._events.text(item, word)
            if not said:
                await self._on_first_delta()
            said += word
        self._cut_short_if(len(allowed) < len(text))
        await self._events.close_text(item, said, complete=not self._reason)

    async def _call(self, name: str, arguments: str) -> None:
        item = await self._events.open_call(name)
        sent = ""
        for start in range(0, len(arguments), _ARGUMENT_CHARS_PER_DELTA):
            if await self._stopped_within(0):
                break
            piece = arguments[start : start + _ARGUMENT_CHARS_PER_DELTA]
            await self._events.arguments(item, piece)
            if not sent:
                await self._on_first_delta()
            sent += piece
        await self._events.close_call(item, sent, complete=not self._reason)

    async def _send_audio(self, item: Item, delta: str, audio_ms: float) -> None:
        first = self._began_at is None
        if first:
            self._began_at = asyncio.get_running_loop().time()
        self.audio_ms += audio_ms
        await self._events.audio(item, delta, audio_ms)
        if first:
            await self._on_first_delta()

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait, and return whether the response was cut off meanwhile."""
        if seconds <= 0:
            # Lets the reader in, so that even an answer sent at once can be cut off.
            await asyncio.sleep(0)
            return self._stopped.is_set()
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    def _wait_s(self) -> float:
        """Return how long the next delta must wait, by all that was sent since the first."""
        if self._began_at is None:
            return 0
        due = self._began_at + self.audio_ms / 1000 / self._plan.pace.speed
        return due - asyncio.get_running_loop().time()

    def _allowed(self, audio: Samples) -> Samples:
        limit = self._plan.max_output_tokens
        if limit == "inf" or milliseconds_of(audio.size) <= limit * SPOKEN_MS_PER_TOKEN:
            return audio
        return audio[: samples_of(limit * SPOKEN_MS_PER_TOKEN)]

    def _cut_short_if(self, too_long: bool) -> None:
        if too_long and not self._reason:
            self._reason = "max_output_tokens"

    def _status(self) -> str:
        if self._plan.failure_code:
            return "failed"
        if self._reason is None:
            return "completed"
        return "incomplete" if self._reason == "max_output_tokens" else "cancelled"

    def _body(self, status: str) -> JsonObject:
        voice = self._plan.voice
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": self._details(status),
            "output": [item.body for item in self.output],
            "conversation_id": self._conversation_id,
            "output_modalities": [self._plan.modality],
            "max_output_tokens": self._plan.max_output_tokens,
            "audio": {
                "output": {
                    "format": self._plan.output_format,
                    "voice": voice["id"] if isinstance(voice, dict) else voice,
                }
            },
            "usage": None,
            "metadata": self._plan.metadata,
        }

    def _details(self, status: str) -> JsonObject | None:
        if status == "failed":
            failure = {"type": "server_error", "code": self._plan.failure_code}
            failure["message"] = "The simulator was told to fail this response."
            return {"type": "failed", "error": failure}
        return {"type": status, "reason": self._reason} if self._reason else None
