"""How a call comes into a free slot, and how everything is given back where it does not."""

from collections.abc import Callable, Sequence
from typing import assert_never

from bridge.calls.front.allowance import Allowances
from bridge.calls.front.registry import Registry
from bridge.calls.retry import FULL_RETRY_S, draining
from bridge.errors import AlreadyExists, Exhausted, WrongState
from bridge.ids import ConnectionId, RoomName
from bridge.logs import get_logger
from bridge.ports.call import CallSpec, CallState, CallView
from bridge.ports.placement import (
    Directory,
    Existing,
    Full,
    KeyReused,
    OverQuota,
    Placed,
    Placer,
    Quota,
    RequestKey,
    Reservation,
)

_log = get_logger(__name__)


class Placing:
    """Takes slots for calls. What fails on the way leaves neither slot nor room taken.

    `begins` is told of each call before its host is, in the task of whoever asks for it.
    """

    def __init__(
        self,
        placer: Placer,
        directory: Directory,
        registry: Registry,
        allowances: Allowances,
        begins: Callable[[ConnectionId], None] = lambda _: None,
    ) -> None:
        self._placer = placer
        self._directory = directory
        self._registry = registry
        self._allowances = allowances
        self._begins = begins

    async def place(
        self, spec: CallSpec, key: RequestKey | None, quotas: Sequence[Quota]
    ) -> CallView | Placed:
        """Begin the call, or return the one that an earlier try under this key began.

        Returned as placed: another call was quicker into the foreign room.

        :raises Refusal: as CreateRoom documents.
        """
        match await self._placer.reserve(spec.connection_id, key, quotas):
            case Existing() as existing:
                return await self._earlier(existing.connection_id)
            case KeyReused():
                raise AlreadyExists("REQUEST_ID_REUSED", "request_id was used with another request")
            case OverQuota(limit, most, retry_after_s):
                raise Exhausted(
                    "LIMIT_REACHED",
                    f"{limit} is {most}, and that is reached",
                    FULL_RETRY_S if retry_after_s is None else retry_after_s,
                    {"limit": limit, "most": str(most)},
                )
            case Full():
                if self._registry.is_draining():
                    raise draining()
                self._registry.count_refusal(spec.tenant_id)
                raise Exhausted(
                    "NO_FREE_SLOT", "every slot is taken", FULL_RETRY_S, {"limit": "slots"}
                )
            case Reservation() as reservation:
                return await self._fill(reservation, spec)
            case other:
                assert_never(other)

    async def _fill(self, reservation: Reservation, spec: CallSpec) -> CallView | Placed:
        try:
            # Only now: the retry of a call gets that call, whatever its tenant has spent since.
            await self._allowances.check(spec.tenant_id, spec.tenant_budget)
            holder = await self._enter(reservation, spec)
            if holder is not None:
                await self._give_back(spec.connection_id)
                return holder
            self._begins(spec.connection_id)
            view = await self._registry.host(reservation.host_id).start(spec, reservation.epoch)
        except Exception:
            # The host does this, too, where it tried; it may have refused, or not be reached.
            await self._give_back(spec.connection_id)
            raise
        _log.info("call created", connection_id=spec.connection_id, agent_id=spec.agent.agent_id)
        return view

    async def _enter(self, reservation: Reservation, spec: CallSpec) -> Placed | None:
        """Enter the call into the directory; return who has its room already, if it may be joined.

        :raises AlreadyExists: somebody has the room who may not be joined.
        """
        placed = Placed(
            CallView(spec, reservation.host_id, last_activity_at=spec.created_at),
            reservation.host_id,
            reservation.epoch,
        )
        taken = await self._directory.add(placed)
        if taken is None:
            return None
        holder = await self._directory.get(taken.connection_id)
        if not spec.foreign_room or holder is None:
            raise room_taken(spec.room_name)
        return holder

    async def _give_back(self, connection_id: ConnectionId) -> None:
        await self._directory.remove(connection_id)
        await self._placer.release(connection_id, forget_request=True)

    async def _earlier(self, connection_id: ConnectionId) -> CallView:
        placed = await self._directory.get(connection_id)
        if placed is None or is_leaving(self._registry.live(placed.view)):
            raise WrongState(
                "CALL_ENDED",
                "the call of this request_id has ended",
                {"connection_id": connection_id},
            )
        host = self._registry.host(placed.host_id)
        # The first try may be under way still: this joins it.
        return host.view(connection_id) or await host.start(placed.view.spec, placed.epoch)


def room_taken(room_name: RoomName) -> AlreadyExists:
    return AlreadyExists("ROOM_TAKEN", "room_name is in use", {"room_name": room_name})


def is_leaving(view: CallView) -> bool:
    return view.state in (CallState.ENDING, CallState.ENDED)
