"""A caller of LiveKit's own SDK that notes when each frame left its microphone or came to its ear.

The benchmark's callers are cheaper, and need a Go tool chain.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from bench.sound import Burst, BurstFinder, Samples
from bridge.pcm import ROOM_RATE_HZ
from bridge.room.caller import Caller
from bridge.v1.call_service_pb2 import CreateRoomResponse


@dataclass(slots=True)
class TimedCaller:
    """One caller in a call."""

    caller: Caller | None = None
    spoken_s: list[float] = field(default_factory=list)
    ear: list[tuple[float, Samples]] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def join(cls, created: CreateRoomResponse) -> AsyncIterator[Self]:
        """Enter the room and wait for the bot's track."""
        timed = cls()
        joining = Caller.join(
            created.server_url,
            created.access_token,
            on_heard=timed._hear,
            on_spoken=timed._speak,
            max_seconds=0,  # what is kept is kept here
        )
        async with joining as caller:
            timed.caller = caller
            await caller.wait_for_agent_track()
            yield timed

    async def say(self, sound: Samples) -> None:
        assert self.caller is not None, "only whoever has joined is given out"
        self.spoken_s.clear()
        await self.caller.play(sound.tobytes())

    def bursts(self) -> list[Burst]:
        """Return the bursts that were heard."""
        finder = BurstFinder(ROOM_RATE_HZ)
        return [burst for at_s, samples in self.ear for burst in finder.push(at_s, samples)]

    def _hear(self, at_s: float, frame: memoryview) -> None:
        self.ear.append((at_s, np.frombuffer(bytes(frame), np.int16)))

    def _speak(self, at_s: float, _frame: memoryview) -> None:
        self.spoken_s.append(at_s)
