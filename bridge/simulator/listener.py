"""How appended audio becomes turns: the input buffer, voice detection, commits, transcription."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bridge.simulator import wire
from bridge.simulator.behaviours import Behaviour, Turn
from bridge.simulator.config import SessionConfig, tuning
from bridge.simulator.conversation import Conversation, Item
from bridge.simulator.input_buffer import InputBuffer
from bridge.simulator.notes import TurnNotes
from bridge.simulator.outlet import Outlet
from bridge.simulator.session_shapes import SemanticVad, ServerVad
from bridge.simulator.sound import Samples, milliseconds_of, samples_of
from bridge.simulator.usage import transcription_usage
from bridge.simulator.vad import Edge, SpeechStarted, VoiceDetector
from bridge.simulator.wire import JsonObject, Refusal, new_id

_SHORTEST_COMMIT_MS: Final = 100
# Kept while nobody speaks: enough for any padding that a client is likely to ask for.
_QUIET_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class Ears:
    """What a listener needs from its session."""

    tasks: asyncio.TaskGroup
    """Where slow transcriptions run."""
    transcription_s: float
    transcription_logprob: float | None
    on_speech: Callable[[], None]
    """Called when the caller starts to speak and is to interrupt."""
    on_turn: Callable[[], Awaitable[None]]
    """Called when the model is to answer a turn."""
    is_answering: Callable[[], bool]
    """Whether the model is speaking, which the idle timeout waits for."""


class Listener:
    """Hears one session's input. All time here is counted in samples appended."""

    def __init__(
        self,
        *,
        limit_samples: int,
        config: SessionConfig,
        conversation: Conversation,
        notes: TurnNotes,
        outlet: Outlet,
        behaviour: Behaviour,
        ears: Ears,
    ) -> None:
        self._config = config
        self._conversation = conversation
        self._notes = notes
        self._outlet = outlet
        self._behaviour = behaviour
        self._ears = ears
        self._buffer = InputBuffer(limit_samples)
        self._detector: VoiceDetector | None = None
        self._detection: ServerVad | SemanticVad | None = None
        self._speech_from = 0
        self._item_id = new_id("item")
        self._idle_from: int | None = None
        self.reconfigure()

    @property
    def position(self) -> int:
        """How many samples have been appended in this session."""
        return self._buffer.end

    def reconfigure(self) -> None:
        """Follow the session's turn detection."""
        self._detection = self._config.turn_detection
        if self._detection is None or self._behaviour.echoes:
            self._detector = None
        elif self._detector is None:
            self._detector = VoiceDetector(tuning(self._detection), position=self.position)
        else:
            self._detector.retune(tuning(self._detection))

    def wait_for_reply_from(self, position: int) -> None:
        """Count the idle timeout from here: the model's answer has then been played."""
        self._idle_from = max(position, self.position)

    async def append(self, samples: Samples) -> None:
        """Hear more audio, and act on every edge of speech in it."""
        self._buffer.append(samples)
        if self._detector is None:
            return
        for edge in self._detector.hear(samples):
            await self._turn_at(edge)
        if not self._detector.speaking:
            self._buffer.keep_last(samples_of(_QUIET_MS + _padding_ms(self._detection)))
            await self._prompt_if_idle()

    async def commit(self) -> None:
        """Make an item of the buffer, without a response. Raises Refusal under 100 ms."""
        length_ms = len(self._buffer) * 1000 / samples_of(1000)
        if length_ms < _SHORTEST_COMMIT_MS:
            raise Refusal(
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {_SHORTEST_COMMIT_MS}ms of audio, "
                f"but buffer only has {length_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        await self._commit(self._buffer.take(self._buffer.start, self._buffer.end))

    async def clear(self) -> None:
        """Forget the buffer."""
        self._buffer.clear()
        if self._detector:
            self._detector.forget()
        await self._outlet.send(wire.cleared())

    async def _turn_at(self, edge: Edge) -> None:
        if isinstance(edge, SpeechStarted):
            await self._begin_turn(edge.at_sample)
        else:
            await self._end_turn(edge.at_sample)

    async def _begin_turn(self, at_sample: int) -> None:
        self._idle_from = None
        self._speech_from = max(at_sample, self._buffer.start)
        start_ms = milliseconds_of(self._speech_from)
        await self._outlet.send(wire.speech_started(self._item_id, start_ms))
        if self._detection and self._detection.interrupt_response:
            self._ears.on_speech()

    async def _end_turn(self, at_sample: int) -> None:
        end_ms = milliseconds_of(at_sample)
        await self._outlet.send(wire.speech_stopped(self._item_id, end_ms))
        await self._commit(self._buffer.take(self._speech_from, at_sample))
        if self._detection and self._detection.create_response:
            await self._ears.on_turn()

    async def _prompt_if_idle(self) -> None:
        match self._detection:
            case ServerVad(create_response=False, interrupt_response=False):
                return  # then the model never speaks up by itself
            case ServerVad(idle_timeout_ms=int(timeout_ms)):
                pass
            case _:
                return
        if self._idle_from is None or self._ears.is_answering():
            return
        if self.position < self._idle_from + samples_of(timeout_ms):
            return
        start, end, self._idle_from = self._idle_from, self.position, None
        await self._outlet.send(
            wire.timeout_triggered(self._item_id, milliseconds_of(start), milliseconds_of(end))
        )
        await self._commit(self._buffer.take(start, end))
        self._notes.time_out()
        await self._ears.on_turn()

    async def _commit(self, audio: Samples) -> None:
        item = Item(
            {
                "id": self._item_id,
                "object": "realtime.item",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": None}],
            },
            audio_ms=milliseconds_of(audio.size),
        )
        self._item_id = new_id("item")
        previous = self._conversation.append(item)
        await self._outlet.send(wire.committed(item.id, previous))
        for stage in ("added", "done"):
            await self._outlet.send(wire.item_event(stage, item.body, previous))
        self._notes.hear(audio)
        if self._config.transcribes:
            await self._transcribe(item, audio)

    async def _transcribe(self, item: Item, audio: Samples) -> None:
        words = self._behaviour.transcribe(Turn(number=self._notes.number, heard=audio))
        if self._ears.transcription_s:
            later = self._send_transcript(item, words, after_s=self._ears.transcription_s)
            self._ears.tasks.create_task(later, name=f"transcription {item.id}")
        else:
            await self._send_transcript(item, words, after_s=0)

    async def _send_transcript(self, item: Item, words: str, *, after_s: float) -> None:
        if after_s:
            await asyncio.sleep(after_s)
        logprobs = self._logprobs(words)
        if words:
            await self._outlet.send(wire.transcription_delta(item.id, words, logprobs))
        item.body["content"] = [{"type": "input_audio", "transcript": words}]
        usage = transcription_usage(words, item.audio_ms)
        await self._outlet.send(wire.transcription_completed(item.id, words, usage, logprobs))

    def _logprobs(self, words: str) -> list[JsonObject] | None:
        """Return one token a word, all as sure: the simulator never mishears."""
        logprob = self._ears.transcription_logprob
        if logprob is None or not self._config.wants_logprobs:
            return None
        return [
            {"token": word, "bytes": list(word.encode()), "logprob": logprob}
            for word in words.split()
        ]


def _padding_ms(detection: ServerVad | SemanticVad | None) -> int:
    """Return how much audio from before the speech a turn will want."""
    return tuning(detection).prefix_padding_ms if detection else 0
