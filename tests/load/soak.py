"""Calls come and go for a long time: does anything grow that should not?"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

from livekit import api

from bench.machine import pss_mb
from bridge.client import BridgeClient
from bridge.simulator import Simulator, SimulatorSettings
from tests.e2e.rig import bridge_process, called, ended, heard_ms, ready, silence
from tests.livekit_server import LiveKitServer
from tests.load.footprint import Footprint
from tests.tones import tone

_AT_ONCE: Final = 3
# What is loaded, cached and pooled with the first calls belongs to the process.
_WARM_ROUNDS: Final = 3
# Ended calls that the bridge remembers are meant to take memory: it forgets them within a round.
_RETAINED_CALLS: Final = _AT_ONCE
_TIDY_S: Final = 1.0
# Connections that are kept for the next request go after 15 s without one; a leak stays.
_IDLE_S: Final = 20.0
# Where others use the machine, too, the end of a turn may be lost on its way: it is said again.
_TRIES: Final = 5
_HEARD_MS: Final = 300


@dataclass(frozen=True, slots=True)
class Round:
    """What the bridge held between two rounds of calls."""

    at_s: float
    footprint: Footprint
    memory_mb: float
    rooms: int
    model_sessions: int

    def beyond(self, first: "Round") -> str:
        """Return what there is more of, and what should be gone; empty where nothing."""
        left = [self.footprint.beyond(first.footprint)]
        left += [f"{self.rooms} rooms"] * bool(self.rooms)
        left += [f"{self.model_sessions} model sessions"] * bool(self.model_sessions)
        return ", ".join(filter(None, left))


@dataclass(frozen=True, slots=True)
class Soak:
    """All rounds behind those that warm up."""

    calls: int
    unheard: int
    """Of them, those in which one side did not hear the other."""
    rounds: tuple[Round, ...]

    @property
    def grown_mb(self) -> float:
        """Return by how much the last third of the rounds is above the first."""
        third = max(1, len(self.rounds) // 3)
        memory = [one.memory_mb for one in self.rounds]
        return mean(memory[-third:]) - mean(memory[:third])

    @property
    def left_behind(self) -> str:
        """Return what the last round has more of than the first; empty where nothing."""
        return self.rounds[-1].beyond(self.rounds[0])

    def __str__(self) -> str:
        first, last = self.rounds[0], self.rounds[-1]
        shown = [self.rounds[len(self.rounds) * n // 6] for n in range(6)] + [last]
        rows = "\n".join(
            f"| {one.at_s / 60:.1f} | {one.memory_mb:.1f} | {one.footprint.descriptors} "
            f"| {one.footprint.threads} | {one.rooms} | {one.model_sessions} |"
            for one in shown
        )
        minutes = (last.at_s - first.at_s) / 60
        return (
            f"{self.calls} calls, {_AT_ONCE} at once, in {minutes:.1f} minutes; "
            f"in {self.unheard} of them nothing was heard. "
            f"Memory grew by {self.grown_mb:.1f} MB. "
            f"Left behind: {self.left_behind or 'nothing'}.\n\n"
            "| minute | memory, MB | descriptors | threads | rooms | model sessions |\n"
            f"| --- | --- | --- | --- | --- | --- |\n{rows}"
        )


async def soaked(livekit: LiveKitServer, log: Path, seconds: float) -> Soak:
    """Have calls, three at a time, until the time is up; look at the bridge between them."""
    settings = SimulatorSettings(behaviour="tones", tone_ms=600, first_delta_ms=0, speed=8)
    rounds: list[Round] = []
    calls = unheard = 0
    async with (
        Simulator(settings) as simulator,
        bridge_process(
            livekit,
            simulator.url,
            log,
            MEDIABRIDGE_RETAINED_CALLS=str(_RETAINED_CALLS),
            MEDIABRIDGE_LOG_LEVEL="warning",
        ) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        began_s = time.monotonic()

        async def look() -> Round:
            return Round(
                time.monotonic() - began_s,
                Footprint.of(bridge.pid),
                pss_mb((bridge.pid,)),
                await _rooms(livekit),
                len(simulator.sessions),
            )

        while time.monotonic() - began_s < seconds:
            async with asyncio.TaskGroup() as group:
                talks = [
                    group.create_task(_call(client, hangs_up=number % 2 == 0), name="call")
                    for number in range(_AT_ONCE)
                ]
            calls += _AT_ONCE
            unheard += sum(not talk.result() for talk in talks)
            await asyncio.sleep(_TIDY_S)
            rounds.append(await look())
        counted = rounds[min(_WARM_ROUNDS, len(rounds) - 1) :]
        ended_s = time.monotonic()
        while counted[-1].beyond(counted[0]) and time.monotonic() - ended_s < _IDLE_S:
            await asyncio.sleep(_TIDY_S)
            counted[-1] = await look()
    return Soak(calls, unheard, tuple(counted))


async def _call(client: BridgeClient, *, hangs_up: bool) -> bool:
    """Have one call, which ends one way or the other; return whether both sides were heard."""
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        is_heard = False
        for _ in range(_TRIES):
            await caller.play(tone(440, 600) + silence(1500))
            if is_heard := heard_ms(caller, 880) >= _HEARD_MS:
                break
        if not hangs_up:
            await client.end_call(created.connection_id)
    await ended(client, created.connection_id)
    return is_heard


async def _rooms(livekit: LiveKitServer) -> int:
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as asked:
        return len((await asked.room.list_rooms(api.ListRoomsRequest())).rooms)
