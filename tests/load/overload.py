"""Far more calls are asked for than there are slots: who is refused, how fast, and who suffers?"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench import sound
from bridge.client import BridgeClient, ResourceExhaustedError
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1.call_service_pb2 import CreateRoomResponse
from bridge.v1.report_pb2 import CallReport
from tests.e2e.rig import bridge_process, ended
from tests.livekit_server import LiveKitServer
from tests.load.timed_caller import TimedCaller

SLOTS: Final = 4
_TALKERS: Final = SLOTS - 1
"""Have a slot all the time and are listened to; for the last one all others compete."""
_ASKED_PER_S: Final = 5 * SLOTS
_KEPT_S: Final = 0.4
"""How long whoever gets the last slot keeps it."""
_WARM_UP_S: Final = 3.0
_LATEST_S: Final = 1.8


@dataclass(slots=True)
class Asked:
    """What became of all that was asked for."""

    granted: int = 0
    refused_ms: list[float] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


@dataclass(frozen=True, slots=True)
class Voices:
    """How those sounded who had a call."""

    said: int
    lost: int
    torn_ms: float
    round_trip_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Overload:
    """What came of it."""

    asked: Asked
    before: Voices
    during: Voices
    reports: Sequence[CallReport]

    @property
    def underruns(self) -> int:
        return sum(report.media.underruns for report in self.reports)

    def __str__(self) -> str:
        asked, refused = self.asked, sorted(self.asked.refused_ms)
        late_ms = refused[int(0.99 * len(refused))]
        return f"""\
- {SLOTS} slots, {_ASKED_PER_S} calls a second asked for: {asked.granted} granted,
  {len(refused)} refused, {len(asked.strange)} answered otherwise
- most calls at once: {asked.most_at_once + _TALKERS}
- refused after {median(refused):.1f} ms (median), {late_ms:.1f} ms (99 %), {refused[-1]:.1f} ms
  (the longest)
- voices before: {_told(self.before)}
- voices meanwhile: {_told(self.during)}; {self.underruns} underruns in all"""


async def overloaded(livekit: LiveKitServer, log: Path, seconds: float) -> Overload:
    """Fill a bridge, listen, and then ask for five times as many calls, again and again."""
    settings = SimulatorSettings(behaviour="loopback", first_delta_ms=0)
    async with (
        Simulator(settings) as simulator,
        bridge_process(livekit, simulator.url, log, MEDIABRIDGE_SLOTS=str(SLOTS)) as bridge,
        BridgeClient(bridge.address) as client,
        AsyncExitStack() as stack,
    ):
        created = [await client.create_room(f"Talker {n}", "tester") for n in range(_TALKERS)]
        callers = [await stack.enter_async_context(TimedCaller.join(one)) for one in created]
        before = await _listened(callers, min(seconds / 2, 10.0))
        asked = Asked()
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_ask(client, asked, _WARM_UP_S + seconds))
            during = await _listened(callers, seconds)
            await asking
        reports = [await _end(client, one) for one in created]
    return Overload(asked, before, during, reports)


async def _ask(client: BridgeClient, asked: Asked, seconds: float) -> None:
    """Ask for calls, evenly, whether or not the last ones were answered."""
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * _ASKED_PER_S)):
            group.create_task(_ask_once(client, asked, number), name=f"ask {number}")
            await asyncio.sleep(1 / _ASKED_PER_S)


async def _ask_once(client: BridgeClient, asked: Asked, number: int) -> None:
    began_s = time.monotonic()
    try:
        created = await client.create_room(f"Asker {number}", "tester")
    except ResourceExhaustedError:
        asked.refused_ms.append(1000 * (time.monotonic() - began_s))
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be shown
        asked.strange.append(repr(error))
        return
    asked.granted += 1
    asked.at_once += 1
    asked.most_at_once = max(asked.most_at_once, asked.at_once)
    await asyncio.sleep(_KEPT_S)
    asked.at_once -= 1  # before the end is asked for: the slot is free before that is answered
    await client.end_call(created.connection_id)


async def _listened(callers: Sequence[TimedCaller], seconds: float) -> Voices:
    """Let everybody say bursts of their own for a while; return what of it came back."""
    for caller in callers:
        caller.ear.clear()
    speeches = [sound.speech(n, _WARM_UP_S + seconds, 1) for n in range(len(callers))]
    async with asyncio.TaskGroup() as group:
        for caller, (speech, _) in zip(callers, speeches, strict=True):
            group.create_task(caller.say(speech))
    await asyncio.sleep(0.5)
    said = lost = 0
    torn_ms = 0.0
    round_trip_ms: list[float] = []
    for number, caller in enumerate(callers):
        settled_s = caller.spoken_s[0] + _WARM_UP_S
        heard = caller.bursts()
        for burst in sound.said(speeches[number][1], caller.spoken_s, number):
            if burst.at_s < settled_s:
                continue
            said += 1
            back_ms = [
                1000 * (other.at_s - burst.at_s)
                for other in heard
                if (other.caller, other.word) == (burst.caller, burst.word)
                and 0 < other.at_s - burst.at_s < _LATEST_S
            ]
            lost += not back_ms
            round_trip_ms += back_ms[:1]
        torn_ms += sound.torn_ms([frame for at_s, frame in caller.ear if at_s >= settled_s])
    return Voices(said, lost, torn_ms, round_trip_ms)


async def _end(client: BridgeClient, created: CreateRoomResponse) -> CallReport:
    await client.end_call(created.connection_id)
    return await ended(client, created.connection_id)


def _told(voices: Voices) -> str:
    return (
        f"{voices.said} words said, {voices.lost} lost, {voices.torn_ms:.0f} ms torn, "
        f"{median(voices.round_trip_ms):.0f} ms there and back (median)"
    )
