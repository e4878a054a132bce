"""What do rooms leave behind that a process has been in? `python -m bench.rooms`, three minutes.

Each way has a process of its own, which joins, publishes, speaks for a moment and leaves, three
rooms at once. Then garbage is collected, nothing happens for a while, and free memory is given
back: what is left is kept. Whoever else is in a room is another process's.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import click
import uvloop
from livekit import api, rtc
from rich.console import Console
from rich.table import Table

from bench import machine
from bridge import heap, logs
from bridge.demo.livekit import ENVIRONMENT_NAME, LiveKitServer, find
from bridge.errors import RoomError
from bridge.ids import bot_identity_for, new_caller_identity, new_connection_id, room_name_for
from bridge.pcm import FRAME_MS, ROOM_FRAME_BYTES, ROOM_FRAME_SAMPLES, ROOM_RATE_HZ
from bridge.ports.room import Bot, RoomRequest
from bridge.ports.room_event import SpeakerStarted
from bridge.room.caller import Caller
from bridge.room.service import LiveKitRooms

_AT_ONCE: Final = 3
_FRAMES: Final = 20
_LOOKS: Final = (3, 15, 30, 60, 90)
"""After how many rooms memory is looked at."""
_SERVER: Final = "BENCH_LIVEKIT"
_FRAME: Final = bytes(ROOM_FRAME_BYTES)
_CALLERS: Final = "callers"
_CALLER_STAYS_S: Final = 10.0

_Server = tuple[str, str, str]
"""LiveKit's address, and a pair of keys."""
_Visit = Callable[[], Coroutine[None, None, None]]


async def _sdk_alone(server: _Server) -> list[float]:
    url, *keys = server

    async def visit() -> None:
        token = api.AccessToken(*keys).with_identity("bot")
        grants = api.VideoGrants(room_join=True, room=new_connection_id())
        room, source = rtc.Room(), rtc.AudioSource(ROOM_RATE_HZ, 1)
        await room.connect(url, token.with_grants(grants).to_jwt())
        track = rtc.LocalAudioTrack.create_audio_track("ai-audio", source)
        await room.local_participant.publish_track(track)
        for _ in range(_FRAMES):
            frame = rtc.AudioFrame(_FRAME, ROOM_RATE_HZ, 1, ROOM_FRAME_SAMPLES)
            await source.capture_frame(frame)
        await room.disconnect()
        await source.aclose()

    return await _looked_at(visit)


async def _our_rooms(
    server: _Server, invite: Callable[[str], None] | None = None, *, empties: bool = False
) -> list[float]:
    async with LiveKitRooms(*server, host_id="bench") as rooms:

        async def visit() -> None:
            call = new_connection_id()
            name = room_name_for(call)
            await rooms.create(RoomRequest(name, call, empty_timeout_s=30, max_participants=2))
            async with rooms.join(name, bot_identity_for(call), "Agent", empties=empties) as bot:
                await bot.publish()
                if invite is not None:
                    invite(rooms.mint_caller_token(name, new_caller_identity(), "Ada", 60).jwt)
                    await _heard(bot)
                for _ in range(_FRAMES):
                    await bot.output.write(memoryview(_FRAME))
                await asyncio.sleep(_FRAMES * FRAME_MS / 1000)
            await rooms.delete(name)

        return await _looked_at(visit)


async def _heard(bot: Bot) -> None:
    """Wait for somebody's microphone, but not for one who could not come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CALLER_STAYS_S):
            async for event in bot.events():
                if isinstance(event, SpeakerStarted):
                    return


async def _our_rooms_in_two_arenas(server: _Server) -> list[float]:
    heap.share_arenas()
    return await _our_rooms(server)


async def _with_a_caller(server: _Server, *, empties: bool) -> list[float]:
    heap.share_arenas()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rooms", "--way", _CALLERS),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    stdin = process.stdin
    assert stdin is not None  # noqa: S101 - as asked for
    found = await _our_rooms(server, lambda jwt: stdin.write(f"{jwt}\n".encode()), empties=empties)
    stdin.close()
    await process.wait()
    return found


async def _call(server: _Server) -> list[float]:
    """Join as a caller by each token that is read, and stay until put out."""
    loop, tokens = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(tokens), sys.stdin)

    async def stay(jwt: str) -> None:
        try:
            async with Caller.join(server[0], jwt, max_seconds=1) as caller:
                async with asyncio.timeout(_CALLER_STAYS_S):
                    await caller.wait_until_gone()
        except (RoomError, TimeoutError):
            print("a caller was not in its room", file=sys.stderr)

    async with asyncio.TaskGroup() as group:
        while line := await tokens.readline():
            group.create_task(stay(line.decode().strip()), name="caller")
    return []


_WAYS: Final[Mapping[str, Callable[[_Server], Coroutine[None, None, list[float]]]]] = {
    "the SDK alone": _sdk_alone,
    "our rooms": _our_rooms,
    "our rooms, two arenas": _our_rooms_in_two_arenas,
    "a caller in each, left behind": partial(_with_a_caller, empties=False),
    "a caller in each, put out": partial(_with_a_caller, empties=True),
}


async def _looked_at(visit: _Visit) -> list[float]:
    """Return the memory after so many rooms, after a rest, and trimmed."""
    memory_mb = []
    for visited in range(_AT_ONCE, _LOOKS[-1] + 1, _AT_ONCE):
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(visit(), name="visit")
        if visited in _LOOKS:
            memory_mb.append(_mb())
    heap.collect()
    await asyncio.sleep(heap.TRIM_S)
    memory_mb.append(_mb())
    await heap.trim()
    return [*memory_mb, _mb()]


def _mb() -> float:
    return machine.pss_mb((os.getpid(),))


async def _child(way: str, server: _Server) -> list[float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rooms", "--way", way),
        env={**os.environ, _SERVER: json.dumps(server)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    memory_mb: list[float] = json.loads(out)
    return memory_mb


async def _all(console: Console) -> None:
    binary = find()
    if binary is None:
        raise click.ClickException(f"no livekit-server: name one by {ENVIRONMENT_NAME}")
    looks = [f"{rooms} rooms" for rooms in _LOOKS]
    later = f"{heap.TRIM_S:.0f} s later"
    table = Table("MB (PSS) after", *looks, later, "trimmed")
    with tempfile.TemporaryDirectory(prefix="mediabridge-rooms-") as folder:
        async with LiveKitServer(binary, Path(folder) / "livekit-server.log") as server:
            reached = (server.url, server.api_key, server.api_secret)
            for way in _WAYS:
                table.add_row(way, *(f"{mb:.0f}" for mb in await _child(way, reached)))
    console.print(table)
    console.print(machine.description())


@click.command()
@click.option("--way", hidden=True)
def main(way: str | None) -> None:
    """Measure what rooms leave behind."""
    if way is None:
        asyncio.run(_all(Console(width=None if sys.stdout.isatty() else 120)))
        return
    logs.configure("warning", "json")
    ways = {**_WAYS, _CALLERS: _call}
    memory_mb = uvloop.run(ways[way](tuple(json.loads(os.environ[_SERVER]))))
    print(json.dumps(memory_mb), flush=True)
    # The SDK's native side may crash as the process ends, after everything has been said.
    os._exit(0)


if __name__ == "__main__":
    main()
