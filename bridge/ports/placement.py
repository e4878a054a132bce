"""Where calls are: who takes the next one, and who has which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bridge.ids import AgentId, ConnectionId, RoomName, TenantId
from bridge.ports.call import CallState, CallView, EndReason
from bridge.ports.host import Epoch, HostId


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Makes a retry recognisable: the asker's id, and a digest of what was asked."""

    tenant_id: TenantId
    request_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """A slot kept for a call until it is confirmed, released, or its deadline passes."""

    host_id: HostId
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Existing:
    """The request was made before; this is its call."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The request id was used for another request."""


@dataclass(frozen=True, slots=True)
class Full:
    """No slot is free anywhere."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many calls somebody may have, and begin in any minute; None: as many as there are."""

    kind: str
    """"tenant" or "key": as what."""
    holder: str
    calls: int | None = None
    creations_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class OverQuota:
    """One more call would be too many for somebody."""

    limit: str
    """Its name for programs, such as calls_per_tenant."""
    most: int
    retry_after_s: float | None = None
    """When there will be room; None: when a call ends."""


class Slots(Protocol):
    """Where a host says what became of the slots that were kept for its calls."""

    async def confirm(self, connection_id: ConnectionId) -> None:
        """Turn the reservation into a placement; it has no deadline any more."""
        ...

    async def release(self, connection_id: ConnectionId, *, forget_request: bool) -> None:
        """Give the slot back. Releasing twice is no error.

        `forget_request`: the call never began, so its request id may be used again.
        """
        ...


class Placer(Slots, Protocol):
    """Gives each call a slot, or says there is none. Exact, however many ask at once."""

    async def reserve(
        self,
        connection_id: ConnectionId,
        key: RequestKey | None,
        quotas: Sequence[Quota] = (),
    ) -> Reservation | Existing | KeyReused | OverQuota | Full:
        """Keep a slot, which counts in all of the quotas until it is released.

        A retry of a request takes nothing; a call that never began was none.
        """
        ...


class Membership(Protocol):
    """Which hosts there are."""

    async def heartbeat(self, host_id: HostId, epoch: Epoch, slots: int, load: float = 0.0) -> None:
        """Say that the host lives and has this many slots; to be said again within the lease.

        A host with no slots keeps its calls and gets no more. `load` is how busy it is, 0 to 1:
        the next call goes to the host that has most to spare.
        """
        ...

    async def retire(self, host_id: HostId) -> None:
        """Drop a host that is known to be gone; its slots, taken or kept, are gone with it."""
        ...

    async def reap(self) -> Sequence[ConnectionId]:
        """Drop hosts whose lease has passed; return the calls they carried."""
        ...


@dataclass(frozen=True, slots=True)
class Placed:
    """A call and who has it."""

    view: CallView
    host_id: HostId
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class RoomTaken:
    """The room belongs to another live call."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls; everything that is given must hold."""

    states: frozenset[CallState] = frozenset()
    tenant_id: TenantId | None = None
    agent_id: AgentId | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def admits(self, view: CallView) -> bool:
        spec = view.spec
        return (
            (not self.states or view.state in self.states)
            and self.tenant_id in (None, spec.tenant_id)
            and self.agent_id in (None, spec.agent.agent_id)
            and self.metadata.items() <= spec.metadata.items()
        )


@dataclass(frozen=True, slots=True, order=True)
class CallPosition:
    """Where a call is in the order of all calls, by their age; also of one that is gone."""

    created_at: datetime
    connection_id: ConnectionId

    @classmethod
    def of(cls, view: CallView) -> "CallPosition":
        return cls(view.spec.created_at, view.connection_id)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many calls there are, and were since the directory began."""

    live: int = 0
    created: int = 0
    ended: Mapping[EndReason, int] = field(default_factory=dict)


class DirectoryUpdates(Protocol):
    """Where a host says how its calls are doing."""

    async def update(self, view: CallView, epoch: Epoch) -> None:
        """Replace what is known of a call; refused silently from an older epoch."""
        ...

    async def remove(self, connection_id: ConnectionId) -> None:
        """Forget a call that never began."""
        ...


class Directory(DirectoryUpdates, Protocol):
    """Every live call, and those that ended lately."""

    async def add(self, placed: Placed) -> RoomTaken | None:
        """Enter a call, unless its room belongs to another live call."""
        ...

    async def carried_by(self, host_id: HostId) -> Sequence[Placed]:
        """Return the calls of a host that are not over."""
        ...

    async def get(self, connection_id: ConnectionId) -> Placed | None: ...

    async def in_room(self, room_name: RoomName) -> Placed | None:
        """Return the live call of this room."""
        ...

    async def last_in_room(self, room_name: RoomName) -> Placed | None:
        """Return the call that has this room or, as far as that is known, had it last."""
        ...

    async def page(
        self, calls: CallFilter, after: CallPosition | None, limit: int
    ) -> Sequence[CallView]:
        """Return up to `limit` calls, the newest first, beginning behind `after`."""
        ...

    async def totals(self, tenant_id: TenantId) -> Totals:
        """Return how many calls one tenant has and had; zeros for one that is not known."""
        ...
