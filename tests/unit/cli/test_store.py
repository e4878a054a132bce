"""`mediabridge store`: the schema is brought forward, and calls go when they are told to."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli.main import main
from bridge.clock import SystemClock
from bridge.ports.placement import Placed
from bridge.store.archive import Archive
from bridge.store.database import held, opened, parse_url
from bridge.store.migrating import REVISION
from bridge.store.pending import Batch
from bridge.store.rows import call_row
from bridge.store.statements import Database
from tests.unit.store.calls import EPOCH, HOST, last, over, report, view


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    for name, value in {
        "MEDIABRIDGE_STORE_URL": url,
        "LIVEKIT_ENABLED": "false",
        "OPENAI_API_KEY": "sk-test",
    }.items():
        monkeypatch.setenv(name, value)
    return url


def store(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["store", *arguments])


def with_calls(url: str, ages: dict[int, timedelta]) -> None:
    """Store calls that ended so long ago."""

    async def write() -> None:
        location = parse_url(url)
        assert location is not None
        now = SystemClock().now()
        async with opened(location) as engine:
            for number, age in ages.items():
                ended = over(view(number), now - age)
                row = call_row(Placed(ended, HOST, EPOCH), report(ended), is_over=True)
                await Database(engine, "front").write(Batch(calls=(row,), events=(last(ended, 1),)))

    asyncio.run(write())


def known(url: str) -> dict[str, int]:
    """Return the calls that are stored, and the newest event of each."""

    async def read() -> dict[str, int]:
        location = parse_url(url)
        assert location is not None
        async with opened(location) as engine:
            archive = Archive(engine)
            ids = [view(number).connection_id for number in (1, 2, 3)]
            return {one: await archive.last_sequence(one) for one in ids if await archive.call(one)}

    return asyncio.run(read())


def test_schema_is_brought_forward_once(url: str) -> None:
    assert "from nothing to" in store("migrate").output
    assert f"at {REVISION} already" in store("migrate").output
    assert known(url) == {}


def test_schema_is_not_touched_under_a_server(url: str) -> None:
    async def try_it() -> Result:
        location = parse_url(url)
        assert location is not None
        async with opened(location) as engine, held(engine, "front"):
            return await asyncio.to_thread(store, "migrate")

    refused = asyncio.run(try_it())
    assert refused.exit_code == 1
    assert "another server uses this file" in refused.output


def test_old_calls_are_deleted_and_young_ones_stay(url: str) -> None:
    store("migrate")
    ages = {1: timedelta(days=31), 2: timedelta(days=29), 3: timedelta(hours=1)}
    with_calls(url, ages)
    assert "calls deleted: 1" in store("purge").output
    assert known(url) == {"call-2": 1, "call-3": 1}
    assert "calls deleted: 1" in store("purge", "--older-than", "7").output
    assert known(url) == {"call-3": 1}
    assert "calls deleted: 1" in store("purge", "--older-than", "0").output
    assert known(url) == {}


def test_calls_whose_server_never_came_back_are_deleted_and_live_ones_are_not(url: str) -> None:
    store("migrate")
    now = SystemClock().now()

    async def rows() -> int:
        location = parse_url(url)
        assert location is not None
        async with opened(location) as engine:
            return len(await Archive(engine).unfinished("front"))

    async def write() -> None:
        location = parse_url(url)
        assert location is not None
        async with opened(location) as engine:
            for number, age in ((1, timedelta(days=33)), (2, timedelta(days=1))):
                spec = replace(view(number).spec, created_at=now - age)
                live = Placed(replace(view(number), spec=spec), HOST, EPOCH)
                row = call_row(live, None, is_over=False)
                await Database(engine, "front").write(Batch(calls=(row,)))

    asyncio.run(write())
    assert "calls deleted: 1" in store("purge").output
    assert asyncio.run(rows()) == 1
    assert "calls deleted: 0" in store("purge", "--older-than", "0").output


def test_one_call_is_deleted_with_all_that_is_known_of_it(url: str) -> None:
    store("migrate")
    with_calls(url, {1: timedelta(), 2: timedelta()})
    assert store("purge", "--call", "call-1").exit_code == 0
    assert known(url) == {"call-2": 1}
    missing = store("purge", "--call", "call-1")
    assert missing.exit_code == 1
    assert "no call that is over" in missing.output


def test_store_that_keeps_nothing_has_nothing_to_do(
    url: str,  # noqa: ARG001 - the rest of the environment
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEDIABRIDGE_STORE_URL", "memory:")
    assert store("purge").exit_code == 1


def test_store_without_a_schema_is_told_so(url: str) -> None:
    assert url
    for arguments in (["purge"], ["purge", "--call", "call-1"]):
        refused = store(*arguments)
        assert refused.exit_code == 1
        assert "no such table" in refused.output


def test_store_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MEDIABRIDGE_STORE_URL", url.replace("calls.db", "nowhere/calls.db"))
    refused = store("migrate")
    assert refused.exit_code == 1
    assert "cannot be used" in refused.output
