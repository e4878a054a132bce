"""Which steps lead from one schema to the next, and how are they taken? By alembic."""

from collections.abc import Sequence

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from bridge.store.database import StoreError


def upgrade(connection: Connection, to: str) -> None:
    """Take the steps to a revision, in the connection's transaction.

    :raises StoreError: the schema is none that these steps lead to.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreError("the store's schema is a newer release's") from error


def revisions() -> Sequence[str]:
    """Return the revisions of the schema, the first one first."""
    steps = ScriptDirectory.from_config(_config()).walk_revisions()
    return [step.revision for step in steps][::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
