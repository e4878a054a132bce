"""A caller that notes when each frame left its microphone and when each reached its ear."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from bench.sound import Burst, BurstFinder, Samples
from bench.systems import Seat
from bridge.pcm import ROOM_RATE_HZ
from bridge.room.caller import Caller


@dataclass(slots=True)
class TimedCaller:
    """One caller in a call. Nothing is looked at before it is over."""

    caller: Caller | None = None
    began_s: float = 0.0
    joined_s: float = 0.0
    track_s: float = 0.0
    spoken_s: list[float] = field(default_factory=list)
    ear: list[tuple[float, Samples]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def join(cls, seat: Seat) -> AsyncIterator[Self]:
        """Enter the room and wait for the bot's track."""
        timed = cls(began_s=time.monotonic())
        joining = Caller.join(
            seat.url,
            seat.token,
            on_heard=timed._hear,
            on_spoken=timed._speak,
            max_seconds=0,  # what is kept is kept here
        )
        async with joining as caller:
            timed.joined_s = time.monotonic()
            timed.caller = caller
            await caller.wait_for_agent_track()
            timed.track_s = time.monotonic()
            yield timed

    async def say(self, sound: Samples) -> None:
        assert self.caller is not None  # noqa: S101 - only whoever has joined is given out
        self.spoken_s.clear()
        await self.caller.play(sound.tobytes())

    def first_sound_s(self, loud: int) -> float | None:
        """Return when the first sample above `loud` was heard."""
        for at_s, samples in tuple(self.ear):
            above = np.flatnonzero(np.abs(samples) > loud)
            if above.size:
                return at_s + float(above[0]) / ROOM_RATE_HZ
        return None

    def bursts(self) -> list[Burst]:
        """Return the bursts that were heard."""
        finder = BurstFinder(ROOM_RATE_HZ)
        return [burst for at_s, samples in self.ear for burst in finder.push(at_s, samples)]

    def _hear(self, at_s: float, frame: memoryview) -> None:
        self.ear.append((at_s, np.frombuffer(bytes(frame), np.int16)))

    def _speak(self, at_s: float, _frame: memoryview) -> None:
        self.spoken_s.append(at_s)
