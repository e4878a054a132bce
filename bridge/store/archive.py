"""What does the store know of calls that are over?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.moments import to_microseconds
from bridge.ports.call import CallState, CallView
from bridge.ports.placement import CallFilter, CallPosition, Placed
from bridge.ports.report import CallReport
from bridge.ports.store import LoggedEvent
from bridge.store.database import awaited
from bridge.store.rows import SpendingRow, placed_of, report_of, searchable, view_of
from bridge.store.schema import CALL_METADATA, CALLS, EVENTS, SPENDING

_log = get_logger(__name__)

_Read = TypeVar("_Read")

EVENTS_A_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call that was under way when its front died, and the draft of its report."""

    placed: Placed
    draft: CallReport | None


class Archive:
    """Reads the store. Every question may find it unreachable, which is Unavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def call(self, connection_id: ConnectionId) -> Placed | None:
        """Return a call that is over."""
        wanted = select(CALLS.c.view, CALLS.c.host_id, CALLS.c.epoch).where(_is(connection_id))
        async with self._connection() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else placed_of(*row)

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        async with self._connection() as connection:
            report = await connection.scalar(select(CALLS.c.report).where(_is(connection_id)))
        return None if report is None else report_of(report)

    async def page(
        self, calls: CallFilter, after: CallPosition | None, limit: int
    ) -> Sequence[CallView]:
        """Return up to `limit` calls that are over, the newest first, beginning behind `after`."""
        if calls.states and CallState.ENDED not in calls.states:
            return []
        async with self._connection() as connection:
            rows = (await connection.execute(_page(calls, after, limit))).all()
        return list(_readable(partial(view_of, view) for (view,) in rows))

    async def events(self, connection_id: ConnectionId, after: int) -> Sequence[LoggedEvent]:
        """Return the next events behind `after`, none where there are no more yet."""
        wanted = (
            select(EVENTS.c.sequence, EVENTS.c.is_last, EVENTS.c.payload)
            .where(EVENTS.c.connection_id == connection_id, EVENTS.c.sequence > after)
            .order_by(EVENTS.c.sequence)
            .limit(EVENTS_A_PAGE)
        )
        async with self._connection() as connection:
            rows = (await connection.execute(wanted)).all()
        return [LoggedEvent(connection_id, *row) for row in rows]

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        newest = select(func.max(EVENTS.c.sequence)).where(EVENTS.c.connection_id == connection_id)
        async with self._connection() as connection:
            return await connection.scalar(newest) or 0

    async def unfinished(self, front_id: str) -> Sequence[Unfinished]:
        """Return the calls that a front has not seen the end of, the oldest first."""
        wanted = (
            select(CALLS.c.view, CALLS.c.host_id, CALLS.c.epoch, CALLS.c.report)
            .where(CALLS.c.ended_us.is_(None), CALLS.c.front_id == front_id)
            .order_by(CALLS.c.created_us, CALLS.c.connection_id)
        )
        async with self._connection() as connection:
            rows = (await connection.execute(wanted)).all()
        return list(_readable(partial(_unfinished, *row) for row in rows))

    async def spending_since(self, day: date) -> Sequence[SpendingRow]:
        columns = (SPENDING.c[name] for name in SpendingRow.__slots__)
        async with self._connection() as connection:
            rows = (await connection.execute(select(*columns).where(SPENDING.c.day >= day))).all()
        return [
            SpendingRow(day, TenantId(tenant), ConnectionId(call), *sums)
            for day, tenant, call, *sums in rows
        ]

    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return awaited(self._engine.connect(), "the store of ended calls")


def _unfinished(view: bytes, host_id: str, epoch: int, draft: bytes | None) -> Unfinished:
    placed = placed_of(view, host_id, epoch)
    return Unfinished(placed, None if draft is None else report_of(draft))


def _readable(reads: Iterable[Callable[[], _Read]]) -> Iterator[_Read]:
    """Yield what can be read: one row that cannot must not hide all others, or stop a server."""
    for read in reads:
        try:
            yield read()
        except ValueError:
            _log.error("a stored call cannot be read")


def _is(connection_id: ConnectionId) -> ColumnElement[bool]:
    return (CALLS.c.connection_id == connection_id) & CALLS.c.ended_us.is_not(None)


def _page(calls: CallFilter, after: CallPosition | None, limit: int) -> Select[bytes]:
    wanted = select(CALLS.c.view).where(CALLS.c.ended_us.is_not(None))
    if after is not None:
        place = (to_microseconds(after.created_at), after.connection_id)
        wanted = wanted.where(tuple_(CALLS.c.created_us, CALLS.c.connection_id) < tuple_(*place))
    if calls.tenant_id is not None:
        wanted = wanted.where(CALLS.c.tenant_id == calls.tenant_id)
    if calls.agent_id is not None:
        wanted = wanted.where(CALLS.c.agent_id == calls.agent_id)
    for key, value in calls.metadata.items():
        wanted = wanted.where(
            exists().where(
                CALL_METADATA.c.connection_id == CALLS.c.connection_id,
                CALL_METADATA.c.key == searchable(key),
                CALL_METADATA.c.value == searchable(value),
            )
        )
    newest_first = (CALLS.c.created_us.desc(), CALLS.c.connection_id.desc())
    return wanted.order_by(*newest_first).limit(limit)
