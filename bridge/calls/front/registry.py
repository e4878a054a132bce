"""Which calls there are, and what is known of each: live ones by their host, others as kept."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from bridge.calls.front.merging import merged
from bridge.calls.retry import ROOM_RETRY_S
from bridge.errors import NotFound, Unavailable, WrongState
from bridge.ids import ConnectionId, TenantId
from bridge.ports.call import CallView
from bridge.ports.clock import Clock
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.host import Host, HostId, HostStatus
from bridge.ports.placement import CallFilter, CallPosition, Directory, Placed, Totals
from bridge.ports.report import CallReport
from bridge.ports.store import EventArchive, LoggedEvent, Store
from bridge.ports.telemetry import Figures
from bridge.tallies import Tallies

# A worker tells what happens within milliseconds; one that does not is about to be given up.
_FIRST_EVENT_S: Final = 2.0
_LOOK_S: Final = 0.02


class Registry:
    """Answers for every call, wherever it is carried.

    Whoever asks for one call says for which tenant; None: for all of them. Another tenant's call is
    not there, in just the words that are said of one that never was.
    """

    def __init__(
        self,
        directory: Directory,
        hosts: Mapping[HostId, Host],
        events: EventArchive,
        store: Store,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._hosts = hosts
        self._events = events
        self._store = store
        self._clock = clock
        self._refused = 0
        self._refused_to: Tallies[str] = Tallies()

    def refused(self, tenant_id: TenantId | None) -> int:
        """Return how many calls were refused because no host had a slot for them."""
        return self._refused if tenant_id is None else self._refused_to.of(tenant_id)["calls"]

    def count_refusal(self, tenant_id: TenantId) -> None:
        self._refused += 1
        self._refused_to.add(tenant_id, "calls")

    def host(self, host_id: HostId) -> Host:
        """
        :raises Unavailable: it is gone.
        """
        host = self._hosts.get(host_id)
        if host is None:
            raise Unavailable("HOST_LOST", "the call's host is gone", ROOM_RETRY_S)
        return host

    def statuses(self) -> Sequence[HostStatus]:
        return [host.status() for host in self._hosts.values()]

    def is_draining(self) -> bool:
        """Tell whether no host is left that takes calls, full or not."""
        statuses = self.statuses()
        return bool(statuses) and all(status.draining for status in statuses)

    async def slots_free(self, tenant_id: TenantId | None) -> int:
        """Return how many more calls could be taken.

        A tenant is told so as if it were the only one: how busy others are is not its affair.
        """
        statuses = self.statuses()
        if tenant_id is None:
            return sum(status.slots_free for status in statuses)
        live = (await self.totals(tenant_id)).live
        return max(0, sum(status.slots_total for status in statuses) - live)

    async def totals(self, tenant_id: TenantId) -> Totals:
        return await self._directory.totals(tenant_id)

    def live(self, view: CallView) -> CallView:
        """Return the call as its host sees it now; `view` itself where it is carried no more."""
        host = self._hosts.get(HostId(view.host_id))
        return (host and host.view(view.connection_id)) or view

    async def view(self, connection_id: ConnectionId, tenant_id: TenantId | None) -> CallView:
        """
        :raises NotFound: no such call.
        """
        return self.live((await self._placed(connection_id, tenant_id)).view)

    async def end(
        self, connection_id: ConnectionId, tenant_id: TenantId | None
    ) -> tuple[CallView, bool]:
        """End a call; return it as it ended, and whether it had ended before.

        :raises NotFound: no such call.
        """
        placed = await self._placed(connection_id, tenant_id)
        view = self.live(placed.view)
        if view.is_over:
            return view, True
        ended = await self.host(placed.host_id).end(connection_id)
        if ended is not None:
            return ended, False
        # It ended between our two questions, or never began.
        view = (await self._placed(connection_id, tenant_id)).view
        if not view.is_over:
            raise _not_found(connection_id)
        return view, True

    async def control(
        self,
        connection_id: ConnectionId,
        tenant_id: TenantId | None,
        command_id: CommandId,
        command: Command,
    ) -> ControlOutcome:
        """Apply a command to a live call, or say why not.

        :raises NotFound: no such call.
        :raises WrongState: the call has ended.
        """
        placed = await self._placed(connection_id, tenant_id)
        outcome = None
        if not self.live(placed.view).is_over:
            host = self.host(placed.host_id)
            outcome = await host.control(connection_id, command_id, command)
        if outcome is None:
            raise WrongState("CALL_ENDED", "the call has ended", {"connection_id": connection_id})
        return outcome

    async def report(self, connection_id: ConnectionId, tenant_id: TenantId | None) -> CallReport:
        """Return a call's report, or what there is of it.

        :raises NotFound: no such call.
        """
        placed = await self._placed(connection_id, tenant_id)
        host = self._hosts.get(placed.host_id)
        live = await host.report(connection_id) if host else None
        report = live or await self._store.report(connection_id)
        if report is None:
            raise NotFound("REPORT_NOT_KEPT", "the call's report is no longer kept")
        return report

    async def page(
        self, calls: CallFilter, after: CallPosition | None, limit: int
    ) -> Sequence[CallView]:
        return [self.live(view) for view in await self._directory.page(calls, after, limit)]

    async def watch(
        self, connection_id: ConnectionId, tenant_id: TenantId | None, after: int
    ) -> AsyncIterator[LoggedEvent]:
        """Return the call's events behind `after`, until its end.

        :raises NotFound: no such call.
        """
        placed = await self._placed(connection_id, tenant_id)
        until_s = self._clock.monotonic_s() + _FIRST_EVENT_S
        while True:
            try:
                return await self._events.follow(connection_id, after)
            except KeyError as error:
                # Of a call that has just begun in a worker the first event may be under way.
                if placed.view.is_over or self._clock.monotonic_s() >= until_s:
                    raise NotFound(
                        "EVENTS_NOT_KEPT", "the call's events are no longer kept"
                    ) from error
            await self._clock.sleep(_LOOK_S)

    async def telemetry(
        self, connection_id: ConnectionId | None, tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[Sequence[Figures]]:
        """Return figures of one call until its end, or of all for ever.

        :raises NotFound: no such live call.
        """
        if connection_id is None:
            return merged(self._hosts, tenant_id, interval_s, self._clock)
        placed = await self._placed(connection_id, tenant_id)
        return self.host(placed.host_id).telemetry(connection_id, tenant_id, interval_s)

    async def _placed(self, connection_id: ConnectionId, tenant_id: TenantId | None) -> Placed:
        placed = await self._directory.get(connection_id)
        if placed is None or tenant_id not in (None, placed.view.spec.tenant_id):
            raise _not_found(connection_id)
        return placed


def _not_found(connection_id: ConnectionId) -> NotFound:
    return NotFound("CALL_NOT_FOUND", "no such call", {"connection_id": connection_id})
