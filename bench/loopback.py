"""How much later and at what cost? Bursts that go round: caller, bot, model or echo, caller."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench import machine, sound
from bench.caller import TimedCaller
from bench.machine import Load, Watch, pss_mb
from bench.results import Loopback
from bench.sound import Burst
from bench.stage import Stage
from bench.systems.base import Running, System

# Bursts sound alike every two seconds: what is later than that counts as lost.
_LATEST_S: Final = 1.8
# Jitter buffers find their depth, the model's socket its pace.
WARM_UP_S: Final = 2.5
_FLOWS_S: Final = 10.0
_TRAILING_S: Final = 0.5


class NoSound(Exception):
    """A system does not carry sound, so nothing about it can be measured."""


@dataclass(slots=True)
class _Tally:
    said: int = 0
    lost: int = 0
    strange: int = 0
    torn_ms: float = 0.0


async def measure(
    system: System, stage: Stage, round_: int, levels: Sequence[int], seconds: float, repeats: int
) -> AsyncIterator[Loopback]:
    """Measure one system, started afresh, at each number of calls, up to the first without a score.

    :raises NoSound: a caller hears nothing, or somebody else.
    """
    async with system.run(stage, "loopback") as running:
        # Whatever is loaded with the first call belongs to the process, not to a call.
        async with calls_at_once(stage, running, 1) as callers:
            await prove(callers)
        await asyncio.sleep(1)
        idle_mb = pss_mb(running.pids)
        for calls in levels:
            held = True
            for repeat in range(max(1, repeats // calls)):
                seed = 100 * round_ + repeat
                measured = await _undisturbed(stage, running, calls, seconds, seed)
                row = measured.result(system.name, round_, calls, idle_mb)
                held = held and row.has_score
                yield row
            if not held:
                break  # more calls would only be lost, too


@dataclass(slots=True)
class _Level:
    tally: _Tally
    round_trip_ms: list[float]
    up_ms: list[float]
    down_ms: list[float]
    track_ms: list[float]
    cores: float
    spent: dict[str, float]
    mb: float
    load: Load

    def result(self, system: str, round_: int, calls: int, idle_mb: float) -> Loopback:
        return Loopback(
            system=system,
            round=round_,
            calls=calls,
            said=self.tally.said,
            lost=self.tally.lost,
            strange=self.tally.strange,
            torn_ms=self.tally.torn_ms,
            round_trip_ms=self.round_trip_ms,
            up_ms=self.up_ms,
            down_ms=self.down_ms,
            track_ms=self.track_ms,
            cores=self.cores,
            spent=self.spent,
            idle_mb=idle_mb,
            mb=self.mb,
            load=self.load,
        )


async def _undisturbed(
    stage: Stage, running: Running, calls: int, seconds: float, seed: int
) -> _Level:
    """Measure while others leave the machine alone, or else give what the last try gave."""
    for _ in range(machine.PATIENCE.tries - 1):
        await machine.wait_until_quiet()
        measured = await _level(stage, running, calls, seconds, seed)
        if measured.load.is_ours:
            return measured
    await machine.wait_until_quiet()
    return await _level(stage, running, calls, seconds, seed)


async def _level(stage: Stage, running: Running, calls: int, seconds: float, seed: int) -> _Level:
    async with calls_at_once(stage, running, calls) as callers:
        speeches = [sound.speech(i, WARM_UP_S + seconds, seed) for i in range(calls)]
        for caller, (speech, _) in zip(callers, speeches, strict=True):
            caller.prepare(speech)
        talking = [asyncio.create_task(caller.say(), name="caller talks") for caller in callers]
        await asyncio.sleep(WARM_UP_S)
        watch = Watch(running.pids, stage.others())
        await asyncio.sleep(seconds - 1)
        cores, spent, load = watch.cores(), watch.spent(), watch.load()
        mb = pss_mb(running.pids)
        await asyncio.gather(*talking)
        await asyncio.sleep(_TRAILING_S)
        for caller in callers:
            await caller.listen_back()
        starts = [begins for _, begins in speeches]
        measured = _Level(_Tally(), [], [], [], [], cores, spent, mb, load)
    measured.track_ms = [1000 * (caller.track_s - caller.began_s) for caller in callers]
    far = running.heard()
    for number, caller in enumerate(callers):
        _tally(measured, number, caller, starts[number], far.get(number, []))
    return measured


def _tally(
    into: _Level, number: int, caller: TimedCaller, starts: list[int], far: list[float]
) -> None:
    settled_s = caller.spoken_s[0] + WARM_UP_S
    said = [b for b in sound.said(starts, caller.spoken_s, number) if b.at_s >= settled_s]
    heard = caller.bursts()
    into.tally.said += len(said)
    into.tally.strange += sum(burst.caller != number for burst in heard)
    into.tally.torn_ms += sound.torn_ms([f for at_s, f in caller.ear if at_s >= settled_s])
    for burst in said:
        back_s = _answer(burst, heard)
        if back_s is None:
            into.tally.lost += 1
            continue
        into.round_trip_ms.append(1000 * (back_s - burst.at_s))
        there_s = next((at_s for at_s in far if burst.at_s < at_s < back_s), None)
        if there_s is not None:
            into.up_ms.append(1000 * (there_s - burst.at_s))
            into.down_ms.append(1000 * (back_s - there_s))


def _answer(burst: Burst, heard: list[Burst]) -> float | None:
    return next(
        (
            b.at_s
            for b in heard
            if (b.caller, b.word) == (burst.caller, burst.word)
            and 0 < b.at_s - burst.at_s < _LATEST_S
        ),
        None,
    )


@asynccontextmanager
async def calls_at_once(
    stage: Stage, running: Running, calls: int
) -> AsyncIterator[list[TimedCaller]]:
    """Have so many calls at once."""
    async with AsyncExitStack() as stack:
        seats = [await running.open_call(number) for number in range(calls)]
        for seat in seats:
            stack.push_async_callback(running.close_call, seat)
        callers = await asyncio.gather(
            *(stack.enter_async_context(TimedCaller.join(stage.crowd, seat)) for seat in seats)
        )
        yield list(callers)


async def prove(callers: list[TimedCaller]) -> None:
    """Make sure that sound flows, and is whose it should be, before anything is measured."""
    for number, caller in enumerate(callers):
        for seed in itertools.count():
            caller.prepare(sound.speech(number, 2.0, seed)[0])
            await caller.say()
            await asyncio.sleep(_TRAILING_S)
            await caller.listen_back()
            owners = {burst.caller for burst in caller.bursts()}
            if owners == {number}:
                break
            if owners or seed * 2.5 > _FLOWS_S:
                raise NoSound(f"caller {number} hears {owners or 'nothing'}")
