"""What the simulator's tests share: a client that checks every event against openai's types."""

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import aiohttp
import numpy as np
import orjson
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from bridge.simulator import Simulator, SimulatorSettings
from bridge.simulator.sound import Samples, silence, tone

Event: TypeAlias = dict[str, Any]

_SERVER_EVENT: Final[TypeAdapter[RealtimeServerEvent]] = TypeAdapter(RealtimeServerEvent)
# A session is more than the request that made it: openai types these in its REST response.
_SESSION_EXTRAS: Final = {"id", "object", "expires_at"}


def at_once(**changes: Any) -> SimulatorSettings:
    """Return settings under which answers take no time."""
    return SimulatorSettings(**{"speed": math.inf, "first_delta_ms": 0, **changes})


def check_strictly(event: object) -> RealtimeServerEvent:
    """Return an event as openai's own type; no type is coerced, no field unknown."""
    checked = _SERVER_EVENT.validate_python(event, strict=True)
    _check_no_extras(checked)
    return checked


def _check_no_extras(value: object) -> None:
    if isinstance(value, BaseModel):
        extras = set(value.model_extra or {})
        assert extras <= _SESSION_EXTRAS, f"{type(value).__name__} has no {extras}"
        for name in type(value).model_fields:
            _check_no_extras(getattr(value, name))
    elif isinstance(value, list):
        for part in value:
            _check_no_extras(part)


class Client:
    """A client at the other end of one session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Event] = []

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one client event."""
        await self.socket.send_str(orjson.dumps({"type": kind, **fields}).decode())

    async def say(self, *sounds: Samples, chunk_ms: int = 100) -> None:
        """Append audio in chunks."""
        audio = np.concatenate(sounds)
        step = 24 * chunk_ms
        for start in range(0, audio.size, step):
            chunk = base64.b64encode(audio[start : start + step].tobytes()).decode()
            await self.send("input_audio_buffer.append", audio=chunk)

    async def next(self) -> Event:
        """Return the next event, checked."""
        message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        event: Event = orjson.loads(message.data)
        check_strictly(event)
        self.seen.append(event)
        return event

    async def until(self, kind: str) -> Event:
        """Return the next event of one type, passing over others."""
        while True:
            event = await self.next()
            if event["type"] == kind:
                return event

    async def all_until(self, kind: str) -> list[Event]:
        """Return all events up to and with the next one of one type."""
        start = len(self.seen)
        await self.until(kind)
        return self.seen[start:]

    async def ask(self, kind: str, **fields: Any) -> Event:
        """Send one event and return the next that comes back."""
        await self.send(kind, **fields)
        return await self.next()

    async def refusal(self, kind: str, **fields: Any) -> Event:
        """Send one event and return the error that it must bring, checked to name the event."""
        event = await self.ask(kind, event_id="mine", **fields)
        assert event["type"] == "error", event
        assert event["error"]["event_id"] == "mine"
        error: Event = event["error"]
        return error

    async def configure(self, **session: Any) -> Event:
        """Update the session and return what it became."""
        event = await self.ask("session.update", session={"type": "realtime", **session})
        assert event["type"] == "session.updated", event
        updated: Event = event["session"]
        return updated

    async def detect_turns(self, **fields: Any) -> Event:
        """Set fields of server VAD."""
        detection = {"type": "server_vad", **fields}
        return await self.configure(audio={"input": {"turn_detection": detection}})

    async def response(self, **params: Any) -> list[Event]:
        """Ask for a response and return its events."""
        await self.send("response.create", response=params)
        return await self.all_until("rate_limits.updated")


@asynccontextmanager
async def connected(
    simulator: Simulator, *, key: str | None = None, model: str = "gpt-realtime"
) -> AsyncIterator[Client]:
    """Open a session and pass over its session.created."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{simulator.url}/realtime?model={model}", autoping=False) as socket,
    ):
        client = Client(socket)
        created = await client.next()
        assert created["type"] == "session.created"
        yield client


@asynccontextmanager
async def session(**changes: Any) -> AsyncIterator[Client]:
    """Open a session with a simulator of its own."""
    async with Simulator(at_once(**changes)) as simulator, connected(simulator) as client:
        yield client


async def eventually(condition: Callable[[], object]) -> None:
    """Let everything else run until `condition` holds; the test's own timeout is the limit."""
    while not condition():  # noqa: ASYNC110 - counts change without an event to wait for
        await asyncio.sleep(0)


def spoken(frequency_hz: float = 440, duration_ms: float = 600) -> Samples:
    """Return a tone with enough silence after it to end a turn."""
    return np.concatenate((tone(frequency_hz, duration_ms), silence(700)))


def audio_of(events: Iterable[Event]) -> Samples:
    """Return the audio in these events, one after the other."""
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return np.frombuffer(b"".join(base64.b64decode(delta) for delta in deltas), dtype=np.int16)


def kinds(events: Iterable[Event]) -> list[str]:
    """Return the types of events."""
    return [event["type"] for event in events]


def without_repeats(names: Iterable[str]) -> list[str]:
    """Return names with runs of the same name as one."""
    result: list[str] = []
    for name in names:
        if not result or result[-1] != name:
            result.append(name)
    return result


def user_text(words: str, **fields: Any) -> Event:
    """Return a user's message in text."""
    content = [{"type": "input_text", "text": words}]
    return {"type": "message", "role": "user", "content": content, **fields}
