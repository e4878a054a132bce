"""What carries out faults on one session, at the time that the plan sets."""

import asyncio
from collections.abc import Callable

from bridge.simulator import wire
from bridge.simulator.faults import FaultPlan, ResponseFault, TimedFault
from bridge.simulator.outlet import Outlet
from bridge.simulator.wire import Refusal


class Saboteur:
    """Strikes one session; a change of the plan re-arms it and ends a stall."""

    def __init__(
        self,
        plan: FaultPlan,
        outlet: Outlet,
        tasks: asyncio.TaskGroup,
        now: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._outlet = outlet
        self._tasks = tasks
        self._now = now
        self._opened_at = now()

    async def watch(self) -> None:
        """Carry out timed faults until cancelled."""
        while True:
            changed = self._plan.changed
            for fault in self._plan.due(self._opened_at):
                if await _set_within(changed, fault.at - self._now()):
                    break
                if self._plan.strike():
                    await self._carry_out(fault.kind)
            await changed.wait()

    async def strike_response(self, kind: ResponseFault) -> None:
        """Carry out a fault in the middle of a response; "fail" is the response's own matter."""
        if kind != "fail":
            await self._carry_out(kind)

    async def _carry_out(self, kind: TimedFault | ResponseFault) -> None:
        match kind:
            case "drop":
                self._outlet.abort()
            case "close":
                await self._outlet.close(self._plan.faults.close_code)
            case "stall":
                self._stall()
            case "garbage":
                await self._send_garbage()
            case _:
                await self._send_error()

    def _stall(self) -> None:
        self._outlet.stall(answers_pings=self._plan.faults.stall_answers_pings)
        self._tasks.create_task(
            self._resume(self._plan.changed, self._plan.faults.stall_for_s), name="stall"
        )

    async def _resume(self, changed: asyncio.Event, after_s: float | None) -> None:
        await _set_within(changed, after_s)
        await self._outlet.resume()

    async def _send_garbage(self) -> None:
        match self._plan.faults.garbage:
            case "invalid_json":
                await self._outlet.send_garbage(
                    b'{"type": "response.output_audio.delta", "delta": '
                )
            case "unknown_event":
                await self._outlet.send({"type": "simulator.event.nobody.knows"})
            case "binary":
                await self._outlet.send_garbage(bytes(range(256)), binary=True)

    async def _send_error(self) -> None:
        told = Refusal(
            "The simulator was told to report this error.",
            code=self._plan.faults.error_code,
            kind="server_error",
        )
        await self._outlet.send(wire.error(told))


async def _set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for `event`, None meaning for ever, and return whether it was set in time."""
    try:
        async with asyncio.timeout(None if seconds is None else max(0, seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True
