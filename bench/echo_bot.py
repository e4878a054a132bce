"""The floor: a bare echo bot, the same SDK and 20 ms frames, no model and no bridge.

A process of its own. On its control port it takes lines: `join CALL URL TOKEN`, `leave CALL`,
`quit`. Onsets of bursts are written to the trace file as `TIME CALL`.
Standard library and livekit only.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

import uvloop
from livekit import rtc

from bench.onset import OnsetFinder

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


async def serve(port: int, trace: TextIO) -> None:
    """Take orders until told to quit."""
    bots: dict[str, EchoBot] = {}
    quitting = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().split():
            match line:
                case ["join", call, url, token]:
                    bots[call] = EchoBot(call, trace)
                    await bots[call].join(url, token)
                case ["leave", call]:
                    await bots.pop(call).leave()
                case ["quit"]:
                    quitting.set()
            writer.write(b"done\n")
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(take, "127.0.0.1", port):
        await quitting.wait()


def main() -> None:
    """Run: `echo_bot PORT TRACE`."""
    with Path(sys.argv[2]).open("w", buffering=1) as trace:
        uvloop.run(serve(int(sys.argv[1]), trace))


if __name__ == "__main__":
    main()
