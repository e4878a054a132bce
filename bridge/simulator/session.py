"""One session: from session.created to the socket's end, client event by client event."""

import asyncio
import binascii
import time
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np
import orjson
from aiohttp import WSMsgType, web

from bridge.simulator import wire
from bridge.simulator.audio_format import AudioFormat, Pcm, audio_format
from bridge.simulator.behaviours import Behaviour, ToolOutput
from bridge.simulator.config import SessionConfig
from bridge.simulator.conversation import Conversation
from bridge.simulator.event_shapes import CLIENT_EVENTS
from bridge.simulator.faults import FaultPlan
from bridge.simulator.listener import Ears, Listener
from bridge.simulator.notes import TurnNotes, words_of
from bridge.simulator.outlet import Outlet
from bridge.simulator.responder import Responder, Surroundings
from bridge.simulator.response import Pace, Response
from bridge.simulator.saboteur import Saboteur
from bridge.simulator.schema import check_event
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.sound import Samples, milliseconds_of, samples_of, silence
from bridge.simulator.totals import Totals, Truncation
from bridge.simulator.wire import JsonObject, Refusal

_APPEND: Final = "input_audio_buffer.append"
_APPEND_FIELDS: Final = {"type", "event_id", "audio"}
# 15 MiB, in base64.
_LARGEST_APPEND_CHARS: Final = 20 * 1024 * 1024


class Session:
    """One client's session; every task it starts ends with `run`."""

    def __init__(
        self,
        config: SessionConfig,
        outlet: Outlet,
        tasks: asyncio.TaskGroup,
        *,
        settings: SimulatorSettings,
        behaviour: Behaviour,
        faults: FaultPlan,
        totals: Totals,
    ) -> None:
        self.config = config
        self.conversation = Conversation()
        self.outlet = outlet
        self._tasks = tasks
        self._settings = settings
        self._behaviour = behaviour
        self._totals = totals
        self._input_format: AudioFormat = audio_format(config.input_format)
        self._speaks_until = 0
        self._saboteur = Saboteur(faults, outlet, tasks, time.monotonic)
        limit = samples_of(settings.max_turn_s * 1000)
        self._notes = TurnNotes(limit)
        self._responder = self._make_responder(faults)
        self._listener = self._make_listener(limit)
        self._dispatch = self._client_events()

    async def converse(self, socket: web.WebSocketResponse) -> None:
        """Serve the client until its socket ends."""
        self._totals.last_session = self.config.public()
        await self.outlet.send(wire.session_created(self.config.public()))
        self._tasks.create_task(self._saboteur.watch(), name="faults")
        self._tasks.create_task(self._expire(), name="expiry")
        async for message in socket:
            match message.type:
                case WSMsgType.TEXT:
                    await self._take(message.data)
                case WSMsgType.PING:
                    await self.outlet.pong(message.data)
                case WSMsgType.BINARY:
                    await self.outlet.send(wire.error(_not_text()))

    async def _take(self, frame: bytes) -> None:
        event_id = None
        try:
            event = orjson.loads(frame)
            if not isinstance(event, dict):
                raise _not_json()
            event_id = event["event_id"] if isinstance(event.get("event_id"), str) else None
            await self._carry_out(event)
        except orjson.JSONDecodeError:
            await self.outlet.send(wire.error(_not_json()))
        except Refusal as refusal:
            await self.outlet.send(wire.error(refusal, event_id))

    async def _carry_out(self, event: JsonObject) -> None:
        kind = event.get("type")
        known = kind if isinstance(kind, str) and kind in CLIENT_EVENTS else "unknown"
        self._totals.received[known] += 1
        # Fifty a second and session: the full check of everything else costs too much here.
        plain_append = kind == _APPEND and event.keys() <= _APPEND_FIELDS
        if not (plain_append and isinstance(event.get("audio"), str)):
            check_event(event)
        await self._dispatch[known](event)

    async def _update(self, event: JsonObject) -> None:
        patch = event["session"]
        self.config.update(patch, voice_is_fixed=self._responder.has_spoken)
        if "format" in patch.get("audio", {}).get("input", {}):
            self._input_format = audio_format(self.config.input_format)
        self._listener.reconfigure()
        self._totals.last_session = self.config.public()
        await self.outlet.send(wire.session_updated(self.config.public()))

    async def _append(self, event: JsonObject) -> None:
        if len(event["audio"]) > _LARGEST_APPEND_CHARS:
            raise Refusal("Appended audio is over 15 MiB.", code="invalid_value", param="audio")
        samples = _decoded(event["audio"], self._input_format)
        if self._settings.on_append is not None:
            self._settings.on_append(self.config.session_id, samples)
        audio_ms = samples.size * 1000 / samples_of(1000)
        self._totals.appended_audio_ms += audio_ms
        if self._behaviour.echoes:
            await self._responder.echo(event["audio"], audio_ms)
        else:
            await self._listener.append(samples)

    async def _commit(self, _event: JsonObject) -> None:
        await self._listener.commit()

    async def _clear(self, _event: JsonObject) -> None:
        await self._listener.clear()

    async def _clear_output(self, _event: JsonObject) -> None:
        raise _no_output_buffer()

    async def _create_item(self, event: JsonObject) -> None:
        heard = _detached_audio(event["item"])
        item, previous = self.conversation.create(event["item"], event.get("previous_item_id"))
        item.audio_ms = milliseconds_of(heard.size)
        stages = ["added", "created", "done"] if self._settings.announces_created_items else []
        for stage in stages or ["added", "done"]:
            await self.outlet.send(wire.item_event(stage, item.body, previous))
        if item.body["type"] == "function_call_output":
            tool = self.conversation.tool_named_by(item.body["call_id"])
            self._notes.learn(ToolOutput(tool, item.body["output"]))
        elif item.is_answer and item.id == self.conversation.last_id:
            self._notes.answered()
        elif item.body.get("role") == "user":
            self._notes.hear(heard)
            if words := words_of(item.body):
                self._notes.read(words)

    async def _delete_item(self, event: JsonObject) -> None:
        self.conversation.delete(event["item_id"])
        await self.outlet.send(wire.item_deleted(event["item_id"]))

    async def _retrieve_item(self, event: JsonObject) -> None:
        item = self.conversation.retrieve(event["item_id"])
        await self.outlet.send(wire.item_retrieved(item.body))

    async def _truncate_item(self, event: JsonObject) -> None:
        item_id, index, end_ms = event["item_id"], event["content_index"], event["audio_end_ms"]
        self.conversation.truncate(item_id, index, end_ms)
        self._totals.truncations.append(Truncation(item_id, end_ms))
        await self.outlet.send(wire.item_truncated(item_id, index, end_ms))

    async def _create_response(self, event: JsonObject) -> None:
        await self._responder.create(event.get("response") or {})

    async def _cancel_response(self, event: JsonObject) -> None:
        self._responder.cancel(event.get("response_id"))

    async def _answer_turn(self) -> None:
        try:
            await self._responder.create({})
        except Refusal as refusal:
            # Nobody asked for this response, so the error names no event.
            await self.outlet.send(wire.error(refusal))

    def _note_speaking(self) -> None:
        self._speaks_until = self._listener.position

    def _note_done(self, response: Response) -> None:
        self._totals.responses += 1
        self._listener.wait_for_reply_from(self._speaks_until + samples_of(response.audio_ms))

    async def _hang_up(self) -> None:
        await self.outlet.close(1000)

    async def _expire(self) -> None:
        await asyncio.sleep(self._settings.max_session_s)
        await self.outlet.send(wire.error(_expired()))
        await self.outlet.close(1001)

    def _client_events(self) -> dict[str, Callable[[JsonObject], Awaitable[None]]]:
        """Return what each type of client event does."""
        return {
            "session.update": self._update,
            _APPEND: self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    def _make_responder(self, faults: FaultPlan) -> Responder:
        pace = Pace(
            speed=self._settings.speed,
            first_delta_ms=self._settings.first_delta_ms,
            delta_ms=self._settings.delta_ms,
        )
        surroundings = Surroundings(
            tasks=self._tasks,
            on_speaking=self._note_speaking,
            on_done=self._note_done,
            on_fault=self._saboteur.strike_response,
            hang_up=self._hang_up,
        )
        return Responder(
            behaviour=self._behaviour,
            config=self.config,
            conversation=self.conversation,
            notes=self._notes,
            outlet=self.outlet,
            pace=pace,
            faults=faults,
            surroundings=surroundings,
        )

    def _make_listener(self, limit_samples: int) -> Listener:
        ears = Ears(
            tasks=self._tasks,
            transcription_s=self._settings.transcription_ms / 1000,
            transcription_logprob=self._settings.transcription_logprob,
            on_speech=self._responder.interrupt,
            on_turn=self._answer_turn,
            is_answering=lambda: self._responder.is_busy,
        )
        return Listener(
            limit_samples=limit_samples,
            config=self.config,
            conversation=self.conversation,
            notes=self._notes,
            outlet=self.outlet,
            behaviour=self._behaviour,
            ears=ears,
        )


def _detached_audio(item: JsonObject) -> Samples:
    """Take the audio out of an item, which keeps only its length. Raises Refusal for bad audio."""
    parts = [part.pop("audio", None) or "" for part in item.get("content") or []]
    return np.concatenate([silence(0), *(_decoded(audio, Pcm()) for audio in parts)])


def _decoded(audio: str, coder: AudioFormat) -> Samples:
    try:
        return coder.decode(binascii.a2b_base64(audio, strict_mode=True))
    except ValueError as invalid:
        raise _bad_audio() from invalid


# Made anew for each use: an exception that is raised twice keeps both its tracebacks.


def _expired() -> Refusal:
    return Refusal("Your session hit the maximum duration.", code="session_expired")


def _not_text() -> Refusal:
    return Refusal("Events are JSON objects in text frames.", code="invalid_event")


def _not_json() -> Refusal:
    return Refusal("The event is not a JSON object.", code="invalid_json")


def _no_output_buffer() -> Refusal:
    return Refusal(
        "output_audio_buffer.clear works over WebRTC and SIP only.",
        code="invalid_value",
        param="type",
    )


def _bad_audio() -> Refusal:
    return Refusal(
        "Invalid 'audio'. Expected base64-encoded audio bytes but got an invalid value.",
        code="invalid_value",
        param="audio",
    )
