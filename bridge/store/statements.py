"""How is a batch written? By statements that may be repeated: the second time changes nothing."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Delete, Table, and_, delete, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.ids import ConnectionId
from bridge.ports.store import Erased
from bridge.store.database import FAILURES, POSTGRESQL
from bridge.store.pending import Batch
from bridge.store.rows import CallRow
from bridge.store.schema import (
    CALL_METADATA,
    CALLS,
    EVENTS,
    SPENDING,
    WEBHOOK_DEAD,
    WEBHOOK_PROGRESS,
)
from bridge.store.writer import NotTaken, Unwritable

_UNWRITABLE: Final = (DataError, IntegrityError, ValueError)
"""Whatever becomes of the store, such rows will not fit."""

OF_A_CALL: Final = (EVENTS, CALL_METADATA, WEBHOOK_PROGRESS, WEBHOOK_DEAD, CALLS)
"""Every table that holds something of one call; spending is its tenant's."""


class Database:
    """Implements Sink: each batch is one transaction."""

    def __init__(self, engine: AsyncEngine, front_id: str) -> None:
        self._engine = engine
        self._front_id = front_id

    async def write(self, batch: Batch) -> None:
        try:
            async with self._engine.begin() as connection:
                await _write(connection, batch, self._front_id)
        except _UNWRITABLE as error:
            raise Unwritable(type(error).__name__) from None
        except FAILURES as error:
            # Its text may hold what was to be written; its class says enough.
            raise NotTaken(type(getattr(error, "orig", None) or error).__name__) from None


async def _write(connection: AsyncConnection, batch: Batch, front_id: str) -> None:
    if batch.calls:
        await _write_calls(connection, batch.calls, front_id)
    if batch.events:
        events = [
            {
                "connection_id": event.connection_id,
                "sequence": event.sequence,
                "is_last": event.is_last,
                "payload": event.payload,
            }
            for event in batch.events
        ]
        await insert(connection, EVENTS, events, replace=())
    if batch.spending:
        sums = [asdict(row) for row in batch.spending]
        summed = ("tokens", "micro_units", "picos_rest")
        await insert(connection, SPENDING, sums, replace=summed, if_=_is_later_sum)
    if batch.forgotten:
        await delete_calls(connection, batch.forgotten)


async def delete_calls(connection: AsyncConnection, ids: Collection[ConnectionId]) -> None:
    """Delete all that is stored of some calls."""
    for table in OF_A_CALL:
        await connection.execute(_deletion(table, ids))


async def erase_call(connection: AsyncConnection, connection_id: ConnectionId) -> Erased:
    """Delete all that is stored of one call, and count it."""

    async def deleted(table: Table, *conditions: ColumnElement[bool]) -> int:
        return (
            await connection.execute(_deletion(table, [connection_id]).where(*conditions))
        ).rowcount

    # Writes first: a transaction that has read before it writes cannot wait its turn.
    waiting = await deleted(WEBHOOK_PROGRESS, WEBHOOK_PROGRESS.c.is_done.is_(False))
    letters = await deleted(WEBHOOK_DEAD)
    events = await deleted(EVENTS)
    reports = await deleted(CALLS, CALLS.c.report.is_not(None))
    await delete_calls(connection, [connection_id])
    return Erased(events=events, report=reports > 0, webhooks=waiting + letters)


async def _write_calls(
    connection: AsyncConnection, calls: Iterable[CallRow], front_id: str
) -> None:
    rows = [asdict(call) | {"front_id": front_id} for call in calls]
    metadata = [
        {"connection_id": row["connection_id"], "key": key, "value": value}
        for row in rows
        for key, value in row.pop("metadata").items()
    ]
    changing = ("host_id", "epoch", "ended_us", "view", "report")
    await insert(connection, CALLS, rows, replace=changing)
    # It changes while a call lives: SetMetadata takes entries away, too.
    ids = [row["connection_id"] for row in rows]
    await connection.execute(_deletion(CALL_METADATA, ids))
    if metadata:
        await insert(connection, CALL_METADATA, metadata, replace=())


async def insert(
    connection: AsyncConnection,
    table: Table,
    rows: list[dict[str, Any]],
    *,
    replace: Collection[str],
    if_: Callable[[Any], ColumnElement[bool]] | None = None,
) -> None:
    """Insert rows; of those that are there already only `replace` changes, where `if_` holds."""
    on_postgresql = connection.dialect.name == POSTGRESQL
    insert = postgresql.insert(table) if on_postgresql else sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    statement = (
        insert.on_conflict_do_update(
            index_elements=key,
            set_={name: insert.excluded[name] for name in replace},
            where=if_ and if_(insert.excluded),
        )
        if replace
        else insert.on_conflict_do_nothing(index_elements=key)
    )
    await connection.execute(statement, rows)


def _is_later_sum(new: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns by their names
    money = tuple_(new.micro_units, new.picos_rest)
    known = tuple_(SPENDING.c.micro_units, SPENDING.c.picos_rest)
    return and_(new.tokens >= SPENDING.c.tokens, money >= known)


def _deletion(table: Table, ids: Collection[str]) -> Delete:
    return delete(table).where(table.c.connection_id.in_(ids))
