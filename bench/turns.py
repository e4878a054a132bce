"""How soon is a question answered? Questions of 1.5 s every 6 s, each caller in its turn."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import machine, sound
from bench.answers import QUESTION_S, Answer, answer_to
from bench.loopback import NoSound, calls_at_once
from bench.machine import Watch
from bench.results import Turns
from bench.sound import Samples
from bench.stage import Stage
from bench.systems.base import Running, System
from bridge.pcm import ROOM_RATE_HZ

_PERIOD_S: Final = 6.0
# Bots that have something to say as they enter have said it.
_WARM_UP_S: Final = 1.5
# Every question meets another phase of a frame.
_SHIFT_S: Final = 0.007
# What the last answer may take to be heard to its end.
_TRAILING_S: Final = 2.5
# A system that lost so many answers would only lose more with more calls.
_HOPELESS: Final = 0.1


async def measure(
    system: System, stage: Stage, round_: int, levels: Sequence[int], questions: int
) -> AsyncIterator[Turns]:
    """Measure one system, started afresh, at each number of calls, as far as it holds.

    :raises NoSound: the first question of all is not answered.
    """
    async with system.run(stage, "turns") as running:
        # Whatever is loaded with the first call is not measured.
        first = await _level(stage, running, _Round(system.name, round_, 1, 1))
        if first.lost:
            raise NoSound("a question is not answered")
        for calls in levels:
            row = await _undisturbed(stage, running, _Round(system.name, round_, calls, questions))
            yield row
            if row.lost + row.torn > _HOPELESS * row.said:
                break


@dataclass(frozen=True, slots=True)
class _Round:
    """What is to be measured."""

    system: str
    number: int
    calls: int
    questions: int


async def _undisturbed(stage: Stage, running: Running, asked: _Round) -> Turns:
    """Measure while others leave the machine alone, or else give what the last try gave."""
    for _ in range(machine.PATIENCE.tries - 1):
        await machine.wait_until_quiet()
        measured = await _level(stage, running, asked)
        if measured.load.is_ours:
            return measured
    await machine.wait_until_quiet()
    return await _level(stage, running, asked)


@dataclass(slots=True)
class _Tally:
    said: int = 0
    answers: list[Answer] = field(default_factory=list)

    def hear(self, ear: list[tuple[float, Samples]], ends_s: Sequence[float], caller: int) -> None:
        """Find the answers to one caller's questions."""
        self.said += len(ends_s)
        for end_s in ends_s:
            answer = answer_to(ear, end_s, caller)
            if answer is not None:
                self.answers.append(answer)


async def _level(stage: Stage, running: Running, asked: _Round) -> Turns:
    tally = _Tally()
    async with calls_at_once(stage, running, asked.calls) as callers:
        speeches = [_speech(each, asked.calls, asked.questions) for each in range(asked.calls)]
        for caller, (speech, _) in zip(callers, speeches, strict=True):
            caller.prepare(speech)
        talking = [asyncio.create_task(caller.say(), name="caller talks") for caller in callers]
        await asyncio.sleep(_WARM_UP_S)
        watch = Watch(running.pids)
        await asyncio.sleep(_PERIOD_S * asked.questions)
        cores, load = watch.cores(), watch.load()
        await asyncio.gather(*talking)
        for number, (caller, (_, starts)) in enumerate(zip(callers, speeches, strict=True)):
            await caller.listen_back()
            begins = sound.moments(starts, caller.spoken_s)
            tally.hear(caller.ear, [begin_s + QUESTION_S for begin_s in begins], number)
    own = [answer for answer in tally.answers if not answer.is_strange]
    return Turns(
        system=asked.system,
        round=asked.number,
        calls=asked.calls,
        said=tally.said,
        lost=tally.said - len(tally.answers),
        torn=sum(answer.is_torn for answer in own),
        holes=sum(answer.holes for answer in own),
        strange=len(tally.answers) - len(own),
        answer_ms=[answer.after_ms for answer in own],
        cores=cores,
        load=load,
    )


def _speech(caller: int, calls: int, questions: int) -> tuple[Samples, list[int]]:
    """Return what one caller says, and the samples its questions begin at."""
    turn_s = _PERIOD_S * caller / calls
    begins_s = [_WARM_UP_S + turn_s + (_PERIOD_S + _SHIFT_S) * each for each in range(questions)]
    question = sound.question(caller, QUESTION_S)
    speech = sound.silence(begins_s[-1] + QUESTION_S + _TRAILING_S)
    starts = [round(begin_s * ROOM_RATE_HZ) for begin_s in begins_s]
    for start in starts:
        speech[start : start + question.size] = question
    return speech, starts
