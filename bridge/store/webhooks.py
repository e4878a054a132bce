"""How far have webhooks got? Kept in memory, or where the calls are."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.ids import ConnectionId, TenantId
from bridge.moments import from_microseconds, to_microseconds
from bridge.ports.webhook import DeadLetter, Progress
from bridge.store.database import awaited
from bridge.store.schema import WEBHOOK_DEAD, WEBHOOK_PROGRESS
from bridge.store.statements import insert

# Without a database nobody looks for older ones.
_MOST_DEAD: Final = 1_000

_Key = tuple[str, ConnectionId]


class MemoryWebhooks:
    """Implements WebhookLedger for as long as the process lives."""

    def __init__(self) -> None:
        self._progress: dict[_Key, Progress] = {}
        self._dead: dict[tuple[str, ConnectionId, int], DeadLetter] = {}

    async def note(self, progress: Sequence[Progress]) -> None:
        for one in progress:
            key = (one.endpoint, one.connection_id)
            known = self._progress.get(key)
            if one.is_done:
                self._progress.pop(key, None)
            elif known is None or one.delivered > known.delivered:
                self._progress[key] = one

    async def unfinished(self) -> Sequence[Progress]:
        return list(self._progress.values())

    async def bury(self, letter: DeadLetter) -> None:
        self._dead[letter.endpoint, letter.connection_id, letter.sequence] = letter
        if len(self._dead) > _MOST_DEAD:
            del self._dead[next(iter(self._dead))]

    async def dead(self, endpoint: str | None = None) -> Sequence[DeadLetter]:
        letters = (one for one in self._dead.values() if endpoint in (None, one.endpoint))
        return sorted(letters, key=lambda one: one.died_at)

    async def forget_dead(self, letter: DeadLetter) -> None:
        self._dead.pop((letter.endpoint, letter.connection_id, letter.sequence), None)

    def forget(self, connection_id: ConnectionId) -> int:
        """Forget a call; return how many endpoints waited for it, and letters there were of it."""
        waiting = [key for key in self._progress if key[1] == connection_id]
        letters = [key for key in self._dead if key[1] == connection_id]
        for endpoint in waiting:
            del self._progress[endpoint]
        for letter in letters:
            del self._dead[letter]
        return len(waiting) + len(letters)


class StoredWebhooks:
    """Implements WebhookLedger in the database, for one front."""

    def __init__(self, engine: AsyncEngine, front_id: str) -> None:
        self._engine = engine
        self._front_id = front_id

    async def note(self, progress: Sequence[Progress]) -> None:
        rows = [asdict(one) | {"front_id": self._front_id} for one in progress]
        async with self._writing() as connection:
            await insert(
                connection,
                WEBHOOK_PROGRESS,
                rows,
                replace=("delivered", "is_done"),
                if_=_is_further,
            )

    async def unfinished(self) -> Sequence[Progress]:
        columns = (WEBHOOK_PROGRESS.c[name] for name in Progress.__slots__)
        wanted = select(*columns).where(
            WEBHOOK_PROGRESS.c.front_id == self._front_id, WEBHOOK_PROGRESS.c.is_done.is_(False)
        )
        async with self._writing() as connection:
            rows = (await connection.execute(wanted)).all()
        return [Progress(*row) for row in rows]

    async def bury(self, letter: DeadLetter) -> None:
        row = asdict(letter)
        row["died_us"] = to_microseconds(row.pop("died_at"))
        async with self._writing() as connection:
            await insert(
                connection, WEBHOOK_DEAD, [row], replace=("kind", "error", "attempts", "died_us")
            )

    async def dead(self, endpoint: str | None = None) -> Sequence[DeadLetter]:
        wanted = select(WEBHOOK_DEAD).order_by(WEBHOOK_DEAD.c.died_us, WEBHOOK_DEAD.c.sequence)
        if endpoint is not None:
            wanted = wanted.where(WEBHOOK_DEAD.c.endpoint == endpoint)
        async with self._writing() as connection:
            rows = (await connection.execute(wanted)).all()
        return [
            DeadLetter(
                endpoint=row.endpoint,
                connection_id=ConnectionId(row.connection_id),
                sequence=row.sequence,
                tenant_id=TenantId(row.tenant_id),
                kind=row.kind,
                error=row.error,
                attempts=row.attempts,
                died_at=from_microseconds(row.died_us),
            )
            for row in rows
        ]

    async def forget_dead(self, letter: DeadLetter) -> None:
        which = and_(
            WEBHOOK_DEAD.c.endpoint == letter.endpoint,
            WEBHOOK_DEAD.c.connection_id == letter.connection_id,
            WEBHOOK_DEAD.c.sequence == letter.sequence,
        )
        async with self._writing() as connection:
            await connection.execute(delete(WEBHOOK_DEAD).where(which))

    def _writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return awaited(self._engine.begin(), "the store of webhooks")


def _is_further(new: Any) -> ColumnElement[bool]:  # noqa: ANN401 - columns by their names
    return or_(new.delivered > WEBHOOK_PROGRESS.c.delivered, new.is_done)
