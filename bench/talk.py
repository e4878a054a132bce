"""How soon does a call begin, and how soon does the agent fall silent?"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench import machine, sound
from bench.caller import TimedCaller
from bench.loopback import NoSound
from bench.machine import Watch
from bench.results import BargeIn, Setup
from bench.stage import Stage
from bench.systems.base import Note, Running, System
from bridge.pcm import ROOM_RATE_HZ

# The agent's tone is five times as loud, comfort noise a hundredth.
_AUDIBLE: Final = 1_500
_GREETED_S: Final = 10.0
# Looked for so often: it is decoded each time, which costs the others time.
_GREETING_S: Final = 0.7
_AT_ONCE: Final = (1, 4)
# Bots see their ends through meanwhile.
_SETTLED_S: Final = 0.3
_INTERRUPTION_HZ: Final = 440.0
_INTERRUPTION_S: Final = 0.3
# The agent must be well into its next answer: 0.2 s of silence make it answer.
_PERIOD_S: Final = 2.0
_BEFORE_S: Final = 1.5
# Of an agent that fell silent, and not only between two periods of its tone.
_SILENT_S: Final = 0.1
_SLOWEST_S: Final = 1.2


async def measure(
    system: System, stage: Stage, round_: int, starts: int, barge_ins: int
) -> tuple[list[Setup], BargeIn]:
    """Measure a system that is started afresh, and whose agent begins to talk by itself.

    :raises NoSound: the agent does not greet.
    """
    async with system.run(stage, "talker") as running:
        await _start(stage, running, 1)  # what is loaded with the first call is not measured
        setups = [
            await _setup(stage, running, system.name, round_, calls, starts) for calls in _AT_ONCE
        ]
        await machine.wait_until_quiet()
        return setups, await _barge_in(stage, running, system.name, round_, barge_ins)


@dataclass(frozen=True, slots=True)
class _Start:
    """How one call began, in milliseconds."""

    created: float
    joined: float
    track: float
    audio: float
    ready: float


async def _setup(
    stage: Stage, running: Running, name: str, round_: int, calls: int, starts: int
) -> Setup:
    await machine.wait_until_quiet()
    watch = Watch(running.pids)
    found = [each for _ in range(starts // calls) for each in await _start(stage, running, calls)]
    return Setup(
        name,
        round_,
        calls,
        [each.created for each in found],
        [each.joined for each in found],
        [each.track for each in found],
        [each.audio for each in found],
        [each.ready for each in found],
        watch.load(),
    )


async def _start(stage: Stage, running: Running, calls: int) -> list[_Start]:
    """Begin so many calls at the same moment, and end them."""
    return await asyncio.gather(*(_start_one(stage, running, each) for each in range(calls)))


async def _start_one(stage: Stage, running: Running, number: int) -> _Start:
    began_s = time.monotonic()
    seat = await running.open_call(number)
    created_s = time.monotonic()
    async with TimedCaller.join(stage.crowd, seat) as caller:
        heard_s = await _first_sound(caller)
    await running.close_call(seat)
    await asyncio.sleep(_SETTLED_S)
    return _Start(
        1000 * (created_s - began_s),
        1000 * (caller.joined_s - caller.began_s),
        1000 * (caller.track_s - caller.began_s),
        1000 * (heard_s - caller.began_s),
        1000 * (heard_s - began_s),
    )


async def _first_sound(caller: TimedCaller) -> float:
    try:
        async with asyncio.timeout(_GREETED_S):
            while True:
                await asyncio.sleep(_GREETING_S)
                await caller.listen_back()
                if (heard_s := caller.first_sound_s(_AUDIBLE)) is not None:
                    return heard_s
    except TimeoutError:
        raise NoSound("the agent does not greet") from None


async def _barge_in(stage: Stage, running: Running, name: str, round_: int, count: int) -> BargeIn:
    watch = Watch(running.pids)
    speech, starts = _interruptions(count)
    seat = await running.open_call(0)
    async with TimedCaller.join(stage.crowd, seat) as caller:
        caller.prepare(speech)
        await _first_sound(caller)
        await caller.say()
        await caller.listen_back()
    await running.close_call(seat)
    said = [burst.at_s for burst in sound.said(starts, caller.spoken_s, 0)]
    notes = running.notes()
    result = BargeIn(name, round_, len(said), 0, [], [], [], [], watch.load())
    ignored = 0
    for said_s in said:
        silent_s = _silence_after(caller, said_s)
        arrived_s = _noted(notes, "onset", said_s)
        known_s = _noted(notes, "detected", said_s)
        if silent_s is None or arrived_s is None or known_s is None:
            ignored += 1
            continue
        result.total_ms.append(1000 * (silent_s - said_s))
        result.up_ms.append(1000 * (arrived_s - said_s))
        result.vad_ms.append(1000 * (known_s - arrived_s))
        result.down_ms.append(1000 * (silent_s - known_s))
    return BargeIn(
        result.system,
        round_,
        len(said),
        ignored,
        result.total_ms,
        result.up_ms,
        result.vad_ms,
        result.down_ms,
        result.load,
    )


def _interruptions(count: int) -> tuple[sound.Samples, list[int]]:
    """Return a caller's silence with loud tones in it, at every phase of a frame."""
    speech = sound.silence(_BEFORE_S + count * (_PERIOD_S + 0.1) + 1)
    tone = sound.tone(_INTERRUPTION_HZ, _INTERRUPTION_S)
    # 7 ms more each time: after 20 times every phase was met, in no order that repeats.
    starts = [round((_BEFORE_S + i * (_PERIOD_S + 0.007)) * ROOM_RATE_HZ) for i in range(count)]
    for start in starts:
        speech[start : start + tone.size] = tone
    return speech, starts


def _silence_after(caller: TimedCaller, said_s: float) -> float | None:
    """Return when the agent was heard last before it was silent; None: it went on."""
    last_s: float | None = None
    for at_s, samples in caller.ear:
        if at_s + samples.size / ROOM_RATE_HZ < said_s:
            continue
        loud = np.flatnonzero(np.abs(samples) > _AUDIBLE)
        if last_s is not None and (at_s if not loud.size else at_s + loud[0] / ROOM_RATE_HZ) > (
            last_s + _SILENT_S
        ):
            return last_s if last_s - said_s < _SLOWEST_S else None
        if loud.size:
            last_s = at_s + float(loud[-1]) / ROOM_RATE_HZ
    return None


def _noted(notes: list[Note], kind: str, after_s: float) -> float | None:
    return next(
        (n.at_s for n in notes if n.kind == kind and 0 < n.at_s - after_s < _SLOWEST_S), None
    )
