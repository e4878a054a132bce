"""How is the schema brought forward? Step by step, by whoever comes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.store.database import FAILURES, POSTGRESQL, StoreError, lock_key, reached

NEWEST: Final = "head"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of the schema; None: there was none."""

    before: str | None
    after: str | None


async def migrate(engine: AsyncEngine, to: str = NEWEST) -> Migrated:
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
    except CommandError as error:
        raise StoreError("the store's schema is a newer release's") from error
    except FAILURES as error:
        raise StoreError.of(error) from error


def revisions() -> Sequence[str]:
    """Return the revisions of the schema, the first one first."""
    steps = ScriptDirectory.from_config(_config()).walk_revisions()
    return [step.revision for step in steps][::-1]


def _upgrade(connection: Connection, to: str) -> Migrated:
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return Migrated(before, _revision(connection))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
