"""Who carries calls in this process: exact slots, one task a call, a drain, a watchdog."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Final, Self

from bridge.calls.call import Call
from bridge.calls.lag import LoopLag
from bridge.calls.measure import Measurement
from bridge.calls.retry import FULL_RETRY_S, ROOM_RETRY_S, draining
from bridge.errors import Exhausted, NotFound, Refusal, RoomError, Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.ports.call import CallSpec, CallView, Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.host import Epoch, HostStatus
from bridge.ports.placement import Slots
from bridge.ports.report import CallReport
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import CallTelemetry
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

_DRAIN_REPORT_S: Final = 5.0

CallFactory = Callable[[CallSpec, Epoch], Call]


class CallHost:
    """Implements Host. Entering means ready; leaving ends every call that is left."""

    def __init__(self, *, slots: int, clock: Clock, placer: Slots, make_call: CallFactory) -> None:
        self._slots = slots
        self._placer = placer
        self._clock = clock
        self._make_call = make_call
        self._started_at = clock.now()
        self._lag = LoopLag(clock)
        self._calls: dict[ConnectionId, Call] = {}
        self._starting: dict[tuple[ConnectionId, Epoch], asyncio.Task[CallView | Refusal]] = {}
        self._running: dict[ConnectionId, asyncio.Task[None]] = {}
        self._draining = False
        self._last_orders: Ending | None = None
        self._created = 0
        self._refused = 0
        self._ended: Counter[EndReason] = Counter()
        self._stack = AsyncExitStack()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._tasks)
        self._lag_task = self._tasks.create_task(self._lag.run(), name="loop lag")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._draining = True
        self._end_all(Ending(EndReason.SERVER_DRAINING, "the server stopped"))
        self._lag_task.cancel()
        # Each call bounds its own end; leaving the group waits for them.
        await self._stack.aclose()

    async def start(self, spec: CallSpec, epoch: Epoch) -> CallView:
        key = (spec.connection_id, epoch)
        task = self._starting.get(key)
        if task is None:
            if (carried := self.view(spec.connection_id)) is not None:
                return carried
            self._admit()
            task = self._tasks.create_task(self._start(spec, epoch), name="call start")
            self._starting[key] = task
        # A gateway that hangs up while we create the room does not undo it.
        outcome = await asyncio.shield(task)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def end(self, connection_id: ConnectionId) -> CallView | None:
        if starting := [
            task for (known, _), task in self._starting.items() if known == connection_id
        ]:
            await asyncio.wait(starting)
        call = self._calls.get(connection_id)
        if call is None:
            return None
        call.end(Ending(EndReason.API_ENDED, "EndCall"))
        # Not only until the call is over: until its slot is free, too.
        await asyncio.wait([self._running[connection_id]])
        return call.view()

    async def control(
        self, connection_id: ConnectionId, command_id: CommandId, command: Command
    ) -> ControlOutcome | None:
        call = self._calls.get(connection_id)
        return None if call is None else await call.control(command_id, command)

    async def notice(self, connection_id: ConnectionId, news: RoomNews) -> bool:
        call = self._calls.get(connection_id)
        return call is not None and call.notice(news)

    def view(self, connection_id: ConnectionId) -> CallView | None:
        call = self._calls.get(connection_id)
        return None if call is None else call.view()

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        call = self._calls.get(connection_id)
        return None if call is None else call.report()

    def drafts(self) -> list[CallReport]:
        """Return the reports of all calls here, as far as they go."""
        return [call.report() for call in self._calls.values()]

    def telemetry(
        self, connection_id: ConnectionId | None, tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[list[CallTelemetry]]:
        if connection_id is None:
            return self._telemetry_of_all(tenant_id, interval_s)
        call = self._calls.get(connection_id)
        if call is None or tenant_id not in (None, call.tenant_id):
            raise NotFound("CALL_NOT_FOUND", "no live call has this connection_id")
        return self._telemetry_of(call, interval_s)

    def status(self) -> HostStatus:
        return HostStatus(
            slots_total=self._slots,
            slots_free=max(0, self._slots - self._taken),
            draining=self._draining,
            started_at=self._started_at,
            calls_created=self._created,
            calls_refused=self._refused,
            calls_ended=dict(self._ended),
            loop_lag_s=self._lag.worst_s(),
        )

    @property
    def ended(self) -> int:
        """Return how many calls have come and gone here."""
        return self._ended.total()

    def carries(self, connection_id: ConnectionId) -> bool:
        return connection_id in self._calls or any(
            connection_id == starting for starting, _ in self._starting
        )

    def overdue(self) -> list[ConnectionId]:
        """Return the calls that should have been over by now, whatever happened to them."""
        return [connection_id for connection_id, call in self._calls.items() if call.is_overdue()]

    def abort(self, connection_id: ConnectionId) -> None:
        """Cut a call that does not end by itself: the last resort."""
        task = self._running.get(connection_id)
        if task is not None:
            task.cancel()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new calls, wait for those there are, then end the rest politely."""
        self._draining = True
        deadline_s = self._clock.monotonic_s() + timeout_s
        while self._taken and (left_s := deadline_s - self._clock.monotonic_s()) > 0:
            _log.info("draining", calls=self._taken, left_s=round(left_s, 1))
            try:
                async with self._clock.timeout(min(left_s, _DRAIN_REPORT_S)):
                    await self._all_over()
            except TimeoutError:
                continue
        self._end_all(Ending(EndReason.SERVER_DRAINING, "the server is shutting down"))
        await self._all_over()

    async def _all_over(self) -> None:
        while tasks := [*self._starting.values(), *self._running.values()]:
            await asyncio.wait(tasks)

    @property
    def _taken(self) -> int:
        return len(self._starting) + len(self._calls)

    def _admit(self) -> None:
        if self._draining:
            raise draining()
        if self._taken >= self._slots:
            self._refused += 1
            raise Exhausted(
                "NO_FREE_SLOT",
                "every slot of this server is taken",
                FULL_RETRY_S,
                {"limit": "slots", "slots": str(self._slots)},
            )

    async def _start(self, spec: CallSpec, epoch: Epoch) -> CallView | Refusal:
        """Return the call, or why there is none: raising would take all calls down with it."""
        try:
            call = await self._open(spec, epoch)
        except RoomError as error:
            return Unavailable("LIVEKIT_UNAVAILABLE", str(error), ROOM_RETRY_S)
        except Exception as error:  # noqa: BLE001 - a defect ends this start, not the host
            _log.error("call not started", error=type(error).__name__, frames=frames_of(error))
            return Unavailable("CALL_NOT_STARTED", "a defect of mediabridge", ROOM_RETRY_S)
        finally:
            # In one step with what follows: a call takes one slot, never two.
            del self._starting[spec.connection_id, epoch]
        self._calls[spec.connection_id] = call
        self._created += 1
        self._running[spec.connection_id] = self._tasks.create_task(
            self._carry(call), name=f"call {spec.connection_id}"
        )
        if self._last_orders is not None:
            call.end(self._last_orders)
        return call.view()

    async def _open(self, spec: CallSpec, epoch: Epoch) -> Call:
        # Here and not at the front's desk: whoever asked for the call may be gone by now.
        try:
            call = self._make_call(spec, epoch)
            await call.open()
            await self._placer.confirm(spec.connection_id)
        except Exception:
            await self._placer.release(spec.connection_id, forget_request=True)
            raise
        return call

    async def _carry(self, call: Call) -> None:
        try:
            await call.run()
        except Exception as error:  # noqa: BLE001 - a defect ends this call, not the host
            _log.error(
                "call failed",
                connection_id=call.connection_id,
                error=type(error).__name__,
                frames=frames_of(error),
            )
        finally:
            # Also when it was aborted: the slot must come back.
            del self._calls[call.connection_id]
            del self._running[call.connection_id]
            ending = call.view().ending
            self._ended[ending.reason if ending else EndReason.INTERNAL] += 1
            await self._placer.release(call.connection_id, forget_request=False)

    def _end_all(self, ending: Ending) -> None:
        self._last_orders = ending
        for call in self._calls.values():
            call.end(ending)

    async def _telemetry_of(
        self, call: Call, interval_s: float
    ) -> AsyncIterator[list[CallTelemetry]]:
        before = await call.measure()
        while not call.is_over:
            try:
                async with self._clock.timeout(interval_s):
                    await call.ended()
            except TimeoutError:
                pass
            after = await call.measure()
            yield [call.telemetry(before, after, self._lag.worst_s())]
            before = after

    async def _telemetry_of_all(
        self, tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[list[CallTelemetry]]:
        before = await self._measure_all(tenant_id)
        while True:
            await self._clock.sleep(interval_s)
            after, lag_s = await self._measure_all(tenant_id), self._lag.worst_s()
            yield [
                call.telemetry(before[call], measured, lag_s)
                for call, measured in after.items()
                if call in before
            ]
            before = after

    async def _measure_all(self, tenant_id: TenantId | None) -> dict[Call, Measurement]:
        calls = [call for call in self._calls.values() if tenant_id in (None, call.tenant_id)]
        # At the same time: a call whose LiveKit is gone takes a second to say nothing.
        return dict(zip(calls, await asyncio.gather(*(c.measure() for c in calls)), strict=True))
