"""The floor: a bare echo bot, the same SDK and 20 ms frames, no model and no bridge.

A process of its own. Onsets of bursts are written to the trace file as `TIME CALL`.
Standard library and livekit only.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TextIO

import uvloop
from livekit import rtc

from bench.onset import OnsetFinder
from bench.orders import take_orders

_RATE_HZ: Final = 48_000
_FRAME_MS: Final = 20


class EchoBot:
    """One bot in one room."""

    def __init__(self, call: str, trace: TextIO) -> None:
        self._call = call
        self._trace = trace
        self._room = rtc.Room()
        self._source = rtc.AudioSource(_RATE_HZ, 1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, url: str, token: str) -> None:
        self._room.on("track_subscribed", self._on_track)
        await self._room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("ai-audio", self._source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=True
        )
        await self._room.local_participant.publish_track(track, options)

    async def leave(self) -> None:
        await self._room.disconnect()
        for task in self._tasks:
            task.cancel()
        await self._source.aclose()

    def _on_track(
        self, track: rtc.Track, _: rtc.RemoteTrackPublication, __: rtc.RemoteParticipant
    ) -> None:
        if isinstance(track, rtc.RemoteAudioTrack):
            self._tasks.add(asyncio.create_task(self._echo(track), name=f"echo {self._call}"))

    async def _echo(self, track: rtc.RemoteAudioTrack) -> None:
        onsets = OnsetFinder(_RATE_HZ)
        now = asyncio.get_running_loop().time
        stream = rtc.AudioStream(
            track, sample_rate=_RATE_HZ, num_channels=1, frame_size_ms=_FRAME_MS
        )
        try:
            async for event in stream:
                onset_s = onsets.push(now(), event.frame.data)
                await self._source.capture_frame(event.frame)
                if onset_s is not None:
                    self._trace.write(f"{onset_s!r} {self._call}\n")
        finally:
            await stream.aclose()


def main() -> None:
    """Run: `echo_bot PORT TRACE`."""
    with Path(sys.argv[2]).open("w", buffering=1) as trace:

        async def join(call: str, url: str, token: str) -> Callable[[], Awaitable[None]]:
            bot = EchoBot(call, trace)
            await bot.join(url, token)
            return bot.leave

        uvloop.run(take_orders(int(sys.argv[1]), join))


if __name__ == "__main__":
    main()
