"""A simulated worker: it speaks to its front as a real one does, and has neither rooms nor models.

Everything between the processes is the real thing (Journal, Front, Carrier, HostService); only the
host is made up. What happens in each call is what happens in a talk, at a rate that is read from
a file every second.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import uvloop

from bridge.calls.journal import Journal
from bridge.clock import SystemClock
from bridge.ids import ConnectionId, TenantId
from bridge.ports.call import AgentState, CallSpec, CallState, CallView, Ending, EndReason
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.event import (
    AgentStateChanged,
    Ended,
    EventKind,
    ResponseBegan,
    ResponseFinished,
    Role,
    StateChanged,
    Transcript,
    UserSpeech,
)
from bridge.ports.host import Epoch, HostId, HostStatus
from bridge.ports.model_event import ResponseStatus
from bridge.ports.report import CallReport, MediaTotals, SetupTimes, Turn
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import CallTelemetry, DirectionTelemetry, NetworkTelemetry
from bridge.ports.usage import TokenCounts
from bridge.workers.carrier import Carrier, front_is_gone
from bridge.workers.front import Front
from bridge.workers.wire import channel

RATE_FILE: Final = "BENCH_EVENTS_FILE"
_TICK_S: Final = 0.05
_RATE_READ_S: Final = 1.0
_WORDS: Final = "I would like to know when the next train to the coast is leaving, please. "
_TURNS: Final = 10
_TOKENS: Final = TokenCounts(input_audio=320, output_audio=640, output_text=80)
_LEVELS: Final = DirectionTelemetry(-23.5, -9.25, 1000.0, 42.5, 0.0)


def talk() -> Iterator[EventKind]:
    """Return what happens in a talk, turn after turn, for ever."""
    for turn in itertools.count():
        item, answer = f"item_{turn}", f"resp_{turn}"
        yield UserSpeech(True, None, item)
        yield Transcript(item, Role.USER, _WORDS[:30], final=False)
        yield UserSpeech(False, None, item)
        yield AgentStateChanged(AgentState.THINKING)
        yield Transcript(item, Role.USER, _WORDS, final=True)
        yield ResponseBegan(answer, False)
        yield AgentStateChanged(AgentState.SPEAKING)
        for length in range(20, len(_WORDS) * 2, 20):
            yield Transcript(answer, Role.AGENT, (_WORDS * 2)[:length], final=False)
        yield Transcript(answer, Role.AGENT, _WORDS * 2, final=True)
        yield ResponseFinished(answer, ResponseStatus.COMPLETED, _TOKENS, "")
        yield AgentStateChanged(AgentState.LISTENING)


@dataclass(slots=True)
class _Call:
    view: CallView
    journal: Journal
    talk: Iterator[EventKind]
    telling: "asyncio.Task[None] | None" = None

    def now(self) -> CallView:
        return replace(self.view, last_sequence=self.journal.last_sequence)

    def over(self) -> None:
        if self.telling is not None:
            self.telling.cancel()


class SimulatedHost:
    """Implements CarryingHost with calls in which only events and figures happen."""

    def __init__(self, host_id: HostId, slots: int, front: Front, rate: Path) -> None:
        self._host_id = host_id
        self._slots = slots
        self._front = front
        self._rate = rate
        self._clock = SystemClock()
        self._started_at = self._clock.now()
        self._calls: dict[ConnectionId, _Call] = {}
        self._tasks = asyncio.TaskGroup()
        self._created = 0

    async def __aenter__(self) -> "SimulatedHost":
        await self._tasks.__aenter__()
        self._talking = self._tasks.create_task(self._talk(), name="talk")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._talking.cancel()
        for call in self._calls.values():
            call.over()
        await self._tasks.__aexit__(None, None, None)

    async def start(self, spec: CallSpec, epoch: Epoch) -> CallView:
        now = self._clock.now()
        view = CallView(
            spec,
            self._host_id,
            CallState.ACTIVE,
            media_ready_at=now,
            model_ready_at=now,
            joined_at=now,
            usage=_TOKENS,
        )
        journal = Journal(spec.connection_id, epoch, self._clock, self._front, self._front)
        call = self._calls[spec.connection_id] = _Call(view, journal, talk())
        call.telling = self._tasks.create_task(journal.run(call.now), name="journal")
        self._created += 1
        await self._front.confirm(spec.connection_id)
        journal.write(StateChanged(CallState.ACTIVE, CallState.CREATED))
        return call.now()

    async def end(self, connection_id: ConnectionId) -> CallView | None:
        call = self._calls.get(connection_id)
        if call is None:
            return None
        call.view = replace(
            call.view,
            state=CallState.ENDED,
            ending=Ending(EndReason.API_ENDED, "EndCall"),
            ended_at=self._clock.now(),
        )
        report = _report(call.now(), complete=True)
        await self._front.save(report)
        call.journal.write(Ended(report))
        await call.journal.flushed()
        call.over()
        # Only now: a front that is gone takes no end, and whoever is left here is cancelled.
        self._calls.pop(connection_id, None)
        await self._front.release(connection_id, forget_request=False)
        return call.now()

    async def control(
        self, connection_id: ConnectionId, command_id: CommandId, command: Command
    ) -> ControlOutcome | None:
        raise NotImplementedError("nobody steers a simulated call")

    async def notice(self, _connection_id: ConnectionId, _news: RoomNews) -> bool:
        return False

    def view(self, connection_id: ConnectionId) -> CallView | None:
        call = self._calls.get(connection_id)
        return None if call is None else call.now()

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        call = self._calls.get(connection_id)
        return None if call is None else _report(call.now(), complete=False)

    def drafts(self) -> list[CallReport]:
        return [_report(call.now(), complete=False) for call in self._calls.values()]

    async def telemetry(
        self, connection_id: ConnectionId | None, _tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[list[CallTelemetry]]:
        while True:
            await self._clock.sleep(interval_s)
            wanted = self._calls if connection_id is None else (connection_id,)
            yield [self._figures(self._calls[each].view, interval_s) for each in wanted]

    def status(self) -> HostStatus:
        return HostStatus(
            slots_total=self._slots,
            slots_free=self._slots - len(self._calls),
            draining=False,
            started_at=self._started_at,
            calls_created=self._created,
            calls_refused=0,
            calls_ended={EndReason.API_ENDED: self._created - len(self._calls)},
            loop_lag_s=0.0,
        )

    async def drain(self, _timeout_s: float) -> None:
        for connection_id in list(self._calls):
            await self.end(connection_id)

    async def _talk(self) -> None:
        """Let so many events a second happen in each call, spread over all of them."""
        due, rate, read_s = 0.0, 0.0, 0.0
        turn: Iterator[_Call] = iter(())
        while True:
            await self._clock.sleep(_TICK_S)
            if self._clock.monotonic_s() - read_s > _RATE_READ_S:
                rate, read_s = float(self._rate.read_text()), self._clock.monotonic_s()
            due += rate * len(self._calls) * _TICK_S
            while due >= 1 and self._calls:
                call = next(turn, None)
                if call is None:
                    turn = iter(list(self._calls.values()))
                    continue
                due -= 1
                call.journal.write(next(call.talk))

    def _figures(self, view: CallView, interval_s: float) -> CallTelemetry:
        return CallTelemetry(
            connection_id=view.connection_id,
            tenant_id=view.spec.tenant_id,
            at=self._clock.now(),
            interval_s=interval_s,
            state=view.state,
            agent_state=view.agent_state,
            uplink=_LEVELS,
            speakers=1,
            downlink=_LEVELS,
            underruns=0,
            playout_position_ms=60_000.0,
            network=NetworkTelemetry(50, 50, 0, 0, 3.5, 12.0),
            model_round_trip_ms=21.0,
            turn_latency_ms=412.0,
            first_audio_ms=380.0,
            loop_lag_s=0.002,
            usage=_TOKENS,
        )


def _report(view: CallView, *, complete: bool) -> CallReport:
    at = view.spec.created_at
    turns = tuple(
        Turn(index, at, _WORDS, _WORDS * 2, 9_000.0, tokens=_TOKENS) for index in range(_TURNS)
    )
    return CallReport(view, complete, SetupTimes(), turns, None, 30.0, MediaTotals(), ())


@click.command()
@click.option("--host-id", required=True)
@click.option("--epoch", required=True, type=int)
@click.option("--socket", required=True, type=click.Path(path_type=Path))
@click.option("--front", required=True, type=click.Path(path_type=Path))
def main(host_id: str, epoch: int, socket: Path, front: Path) -> None:
    """Be a worker of a server: started by bench.front.server, never by hand."""
    uvloop.run(_work(HostId(host_id), Epoch(epoch), socket, front))


async def _work(host_id: HostId, epoch: Epoch, socket: Path, front_socket: Path) -> None:
    slots, rate = int(os.environ["MEDIABRIDGE_SLOTS"]), Path(os.environ[RATE_FILE])
    async with channel(front_socket) as to_front, asyncio.TaskGroup() as group:
        front = Front(to_front, host_id, epoch)
        telling = group.create_task(front.run(), name="news")
        async with (
            SimulatedHost(host_id, slots, front, rate) as host,
            Carrier(host, front, SystemClock()).serving(socket),
        ):
            await front_is_gone()
        telling.cancel()


if __name__ == "__main__":
    main()
