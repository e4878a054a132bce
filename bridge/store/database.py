"""Which database is it, how is it opened, and who may hold it?"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.errors import BridgeError, Unavailable

MEMORY_URL: Final = "memory:"
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
# Whoever else writes to the file is done by then, or the store counts as locked and is tried again.
_BUSY_S: Final = 5.0
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 10.0
# A server that was killed is gone a moment later.
_HOLD_S: Final = 2.0
_HOLD_RETRY_S: Final = 0.1
# Longer than a busy database takes, shorter than who asks waits.
_RETRY_S: Final = 2.0

# So that who puts things together can name them, and know no more of SQL.
Location = URL
Engine = AsyncEngine

FAILURES: Final = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that does not do as it is told raises. Not all that a driver raises while it
connects is made SQLAlchemy's own."""


class StoreError(BridgeError):
    """The store cannot be used; the message says why, without the URL's password."""

    @classmethod
    def of(cls, error: Exception) -> "StoreError":
        """Return what a library's error means, in the database's own words."""
        return cls(f"the store cannot be used: {getattr(error, 'orig', None) or error}")


def parse_url(url: str) -> Location | None:
    """Return where the store is; None: nowhere but in memory.

    :raises ValueError: it is none of the forms that are understood.
    """
    if url == MEMORY_URL:
        return None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the second for a port that is no number
        parsed = None
    driver = _DRIVERS.get(parsed.drivername) if parsed else None
    if parsed is None or driver is None:
        raise ValueError("must be memory:, sqlite:///path or postgresql://user@host/database")
    parsed = parsed.set(drivername=driver)
    if parsed.get_backend_name() == SQLITE and parsed.database in (None, "", ":memory:"):
        raise ValueError("names no file; memory: keeps nothing")
    return parsed


def shown(url: Location) -> str:
    """Return where the store is as the setting says it, without the password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


@asynccontextmanager
async def opened(url: Location, busy_s: float = _BUSY_S) -> AsyncIterator[AsyncEngine]:
    """Yield the database, which is asked for nothing yet; leaving closes its connections.

    `busy_s`: how long SQLite waits for others who write.

    :raises StoreError: there can be no file where it should be.
    """
    on_sqlite = url.get_backend_name() == SQLITE
    engine = create_async_engine(
        url,
        # They hold spoken words, which are to stay out of errors and logs.
        hide_parameters=True,
        pool_pre_ping=not on_sqlite,
        pool_timeout=_ANSWER_S,
        connect_args=(
            {"timeout": busy_s}
            if on_sqlite
            else {"timeout": _CONNECT_S, "command_timeout": _ANSWER_S}
        ),
    )
    if on_sqlite:
        _create_private(Path(str(url.database)))
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def reached(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection.

    :raises StoreError: there is none to be had.
    """
    try:
        connection = await engine.connect()
    except FAILURES as error:
        raise StoreError.of(error) from error
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def awaited(
    connecting: AbstractAsyncContextManager[AsyncConnection], store: str
) -> AsyncIterator[AsyncConnection]:
    """Yield a connection for what somebody waits for.

    :param store: what is in it, for whoever waits in vain.
    :raises Unavailable: the database does not answer, or not as it should.
    """
    try:
        async with connecting as connection:
            yield connection
    except FAILURES as error:
        raise Unavailable("STORE_UNAVAILABLE", f"{store} does not answer", _RETRY_S) from error


@asynccontextmanager
async def held(engine: AsyncEngine, holder: str) -> AsyncIterator[None]:
    """Hold the database for one server for as long as the context, or its process, lasts.

    SQLite is held whole; PostgreSQL in this holder's name: several servers may share it.

    :raises StoreError: somebody else holds it, or it cannot be reached.
    """
    if engine.url.get_backend_name() == SQLITE:
        with _lock_file(Path(f"{engine.url.database}.lock")) as lock:
            await _take(partial(_try_file, lock), "another server uses this file")
            yield
        return
    async with reached(engine) as connection:
        # Outside of transactions: one that lasts for days would keep dead rows alive.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        key = lock_key(f"front {holder}")
        taken = "another server with this MEDIABRIDGE_HOST_ID uses the store"
        await _take(partial(_try_advisory, connection, key), taken)
        try:
            yield
        finally:
            await connection.invalidate()


def lock_key(name: str) -> int:
    """Return the number that PostgreSQL knows a lock of ours by."""
    digest = hashlib.blake2b(f"mediabridge {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


async def _take(attempt: Callable[[], Awaitable[bool]], taken: str) -> None:
    try:
        async with asyncio.timeout(_HOLD_S):
            while not await attempt():  # noqa: ASYNC110 - a lock tells nobody that it is free
                await asyncio.sleep(_HOLD_RETRY_S)
    except TimeoutError:
        raise StoreError(taken) from None


async def _try_file(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _try_advisory(connection: AsyncConnection, key: int) -> bool:
    return bool(await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    try:
        # It stays: who removes it may remove another's.
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError.of(error) from error
    try:
        yield lock
    finally:
        os.close(lock)


def _create_private(path: Path) -> None:
    """Let nobody else read what callers say: SQLite itself would ask the umask."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError.of(error) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    # SQLAlchemy begins the transactions itself: so also changes of the schema are within one.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # What was committed outlives this process. The last of it may be lost with the whole machine.
    cursor.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is gone, and not only out of sight.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
