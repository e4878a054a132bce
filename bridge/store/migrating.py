"""How is the schema brought forward? Step by step, by whoever comes first."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.store.database import FAILURES, POSTGRESQL, StoreError, lock_key, reached

REVISION: Final = "0002"
"""What this release works with: the newest of bridge/store/migrations."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of the schema; None: there was none."""

    before: str | None
    after: str | None


async def migrate(engine: AsyncEngine, to: str = REVISION) -> Migrated:
    """Bring the schema forward, if need be, in one transaction.

    :raises StoreError: the store cannot be used, or is a newer release's.
    """
    try:
        async with reached(engine) as connection, connection.begin():
            if engine.url.get_backend_name() == POSTGRESQL:
                # Until the transaction is over. Whoever comes second finds nothing to do; a file
                # is one server's anyway.
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                await connection.execute(lock, {"key": lock_key("schema")})
            return await connection.run_sync(_upgrade, to)
    except FAILURES as error:
        raise StoreError.of(error) from error


def _upgrade(connection: Connection, to: str) -> Migrated:
    before = _revision(connection)
    if before == to:
        return Migrated(before, before)
    # Not imported above: it is seldom needed, and takes 6 MB and a quarter of a second.
    from bridge.store.steps import upgrade  # noqa: PLC0415

    upgrade(connection, to)
    return Migrated(before, _revision(connection))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
