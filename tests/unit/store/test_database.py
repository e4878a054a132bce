"""What a real database says when it does not take a batch: later, or never."""

import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import event, text

from bridge.ports.placement import CallFilter, Placed
from bridge.ports.store import LoggedEvent
from bridge.store.archive import Archive
from bridge.store.database import Engine, opened, parse_url
from bridge.store.migrating import migrate
from bridge.store.pending import Batch
from bridge.store.rows import call_row
from bridge.store.statements import Database
from bridge.store.writer import NotTaken, Unwritable
from tests.unit.store.calls import EPOCH, HOST, over, placed, view
from tests.unit.store.calls import event as an_event

LARGE = replace(an_event(view(), 1), payload=b"x" * 1_000_000)
WHOLE = Batch(calls=(call_row(placed(), None, is_over=False),), events=(LARGE,))


@dataclass
class Store:
    """A database in a file."""

    file: Path
    engine: Engine

    @property
    def database(self) -> Database:
        return Database(self.engine, "front")

    async def events(self) -> list[int]:
        found = await Archive(self.engine).events(view().connection_id, 0)
        return [one.sequence for one in found]

    async def from_now_on(self, pragma: str) -> None:
        """Let new connections live with a limit."""
        await self.engine.dispose()
        event.listen(
            self.engine.sync_engine,
            "connect",
            lambda connection, _: connection.execute(f"PRAGMA {pragma}").close(),
        )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    file = tmp_path / "calls.db"
    location = parse_url(f"sqlite:///{file}")
    assert location is not None
    async with opened(location, busy_s=0.05) as engine:
        await migrate(engine)
        yield Store(file, engine)


async def test_locked_store_takes_it_later(store: Store) -> None:
    with closing(sqlite3.connect(store.file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotTaken, match="OperationalError"):
            await store.database.write(WHOLE)
    await store.database.write(WHOLE)
    assert await store.events() == [1]


async def test_full_disk_takes_nothing_of_a_batch(store: Store) -> None:
    await store.from_now_on("max_page_count = 30")
    with pytest.raises(NotTaken, match="OperationalError"):
        await store.database.write(WHOLE)
    assert await store.events() == []
    async with store.engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM calls")) == 0


async def test_store_that_may_only_be_read_is_read(store: Store) -> None:
    await store.database.write(WHOLE)
    await store.from_now_on("query_only = 1")
    with pytest.raises(NotTaken, match="OperationalError"):
        await store.database.write(Batch(events=(replace(LARGE, sequence=2),)))
    assert await store.events() == [1]


async def test_batch_that_is_written_again_changes_nothing(store: Store) -> None:
    for _ in range(2):
        await store.database.write(WHOLE)
    assert await store.events() == [1]


async def test_row_that_breaks_the_schema_is_never_taken(store: Store) -> None:
    nameless = LoggedEvent(None, 1, False, b"")  # type: ignore[arg-type]
    with pytest.raises(Unwritable, match="IntegrityError"):
        await store.database.write(Batch(events=(nameless,)))


async def test_errors_say_nothing_of_what_was_to_be_written(store: Store) -> None:
    secret = replace(an_event(view(), 1), payload=b"my number is 555")
    with closing(sqlite3.connect(store.file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotTaken) as refused:
            await store.database.write(Batch(events=(secret,)))
    assert refused.value.__cause__ is None
    assert "555" not in f"{refused.value!r}"


async def test_nobody_else_can_read_the_file(store: Store) -> None:
    await store.database.write(WHOLE)
    files = sorted(store.file.parent.iterdir())
    assert store.file in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_what_is_deleted_is_not_left_in_the_file(store: Store) -> None:
    said = replace(an_event(view(), 1), payload=b"my number is 555 " * 100)
    await store.database.write(replace(WHOLE, events=(said,)))
    await store.database.write(Batch(forgotten=(view().connection_id,)))
    await store.engine.dispose()
    assert b"my number is 555" not in store.file.read_bytes()


async def test_call_that_cannot_be_read_hides_no_other(store: Store) -> None:
    rows = [
        call_row(Placed(over(view(number)), HOST, EPOCH), None, is_over=True) for number in (1, 2)
    ]
    live = [call_row(placed(number), None, is_over=False) for number in (3, 4)]
    broken = [replace(row, view=b"{}") for row in (rows[0], live[0])]
    await store.database.write(Batch(calls=(*broken, rows[1], live[1])))
    archive = Archive(store.engine)
    page = await archive.page(CallFilter(), None, 10)
    assert [one.connection_id for one in page] == ["call-2"]
    unfinished = await archive.unfinished("front")
    assert [one.placed.view.connection_id for one in unfinished] == ["call-4"]
