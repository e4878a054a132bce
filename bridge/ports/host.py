"""What a front asks of whoever carries calls, in this process or another."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from bridge.ids import ConnectionId, TenantId
from bridge.ports.call import CallSpec, CallView, EndReason
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.report import CallReport
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import Figures

HostId = NewType("HostId", str)
Epoch = NewType("Epoch", int)
"""One life of a host: a host that was given up for dead comes back with a higher one."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a host carries, and could carry."""

    slots_total: int
    slots_free: int
    draining: bool
    started_at: datetime
    calls_created: int
    calls_refused: int
    calls_ended: Mapping[EndReason, int]
    loop_lag_s: float


class Host(Protocol):
    """Carries calls. Its slots are the last word on how many."""

    async def start(self, spec: CallSpec, epoch: Epoch) -> CallView:
        """Create the room and set the call going; the same (id, epoch) again joins the first try.

        Cancelling does not undo it: a call nobody asks for any more ends by its join timeout.

        :raises Exhausted: no slot is free.
        :raises Unavailable: LiveKit does not answer, or the host is draining.
        """
        ...

    async def end(self, connection_id: ConnectionId) -> CallView | None:
        """End a call as the API's wish and wait for its end; None: not carried here."""
        ...

    async def control(
        self, connection_id: ConnectionId, command_id: CommandId, command: Command
    ) -> ControlOutcome | None:
        """Apply a command to a call; the same id again returns the first outcome.

        None: not carried here.
        """
        ...

    async def notice(self, connection_id: ConnectionId, news: RoomNews) -> bool:
        """Tell a call what LiveKit says of its room; return whether it was news to the call."""
        ...

    def view(self, connection_id: ConnectionId) -> CallView | None:
        """Return the call as it is now, or was moments ago; None: not carried here."""
        ...

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        """Return the report so far; None: not carried here."""
        ...

    def drafts(self) -> Iterable[CallReport]:
        """Return the live calls' reports, so far as they are known here: all but some seconds."""
        ...

    def telemetry(
        self, connection_id: ConnectionId | None, tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[Sequence[Figures]]:
        """Yield figures every interval: of one call until it has ended, or of all for ever.

        :raises NotFound: the call is not carried here.
        """
        ...

    def status(self) -> HostStatus: ...

    async def drain(self, timeout_s: float) -> None:
        """Refuse new calls, wait for those there are, then end the rest politely."""
        ...
