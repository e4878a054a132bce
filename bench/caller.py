"""A caller of the crowd: when each frame left its microphone, and when each reached its ear."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from bench import opus
from bench.crowd import Crowd
from bench.sound import Burst, BurstFinder, Samples
from bench.systems.base import Seat
from bridge.pcm import ROOM_RATE_HZ


@dataclass(slots=True)
class TimedCaller:
    """One caller in a call. Nothing is decoded before `listen_back`."""

    crowd: Crowd
    name: str
    began_s: float = 0.0
    joined_s: float = 0.0
    track_s: float = 0.0
    spoken_s: list[float] = field(default_factory=list)
    ear: list[tuple[float, Samples]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def join(cls, crowd: Crowd, seat: Seat) -> AsyncIterator[Self]:
        """Enter the room and wait for the bot's track."""
        caller = cls(crowd, crowd.new_name(), began_s=time.monotonic())
        crowd.order("join", caller.name, url=seat.url, token=seat.token)
        try:
            caller.joined_s = (await crowd.told(caller.name, "joined"))["at_s"]
            caller.track_s = (await crowd.told(caller.name, "track"))["at_s"]
            yield caller
        finally:
            crowd.order("leave", caller.name)
            await crowd.told(caller.name, "left")
            for kind in ("said", "heard"):
                crowd.file(caller.name, kind).unlink(missing_ok=True)

    def prepare(self, sound: Samples) -> None:
        """Encode what is to be said next: not while anything is measured."""
        opus.write_spoken(sound, self.crowd.file(self.name, "said"))

    async def say(self) -> None:
        """Say what was prepared, to its end."""
        self.crowd.order("say", self.name, sound=str(self.crowd.file(self.name, "said")))
        self.spoken_s = (await self.crowd.told(self.name, "said"))["times_s"]

    async def listen_back(self) -> None:
        """Decode all that was heard so far: not while anything is measured."""
        heard = self.crowd.file(self.name, "heard")
        self.crowd.order("dump", self.name, into=str(heard))
        await self.crowd.told(self.name, "dumped")
        self.ear = opus.read_heard(heard)

    def first_sound_s(self, loud: int) -> float | None:
        """Return when the first sample above `loud` was heard."""
        for at_s, samples in self.ear:
            above = np.flatnonzero(np.abs(samples) > loud)
            if above.size:
                return at_s + float(above[0]) / ROOM_RATE_HZ
        return None

    def bursts(self) -> list[Burst]:
        """Return the bursts that were heard."""
        finder = BurstFinder(ROOM_RATE_HZ)
        return [burst for at_s, samples in self.ear for burst in finder.push(at_s, samples)]
