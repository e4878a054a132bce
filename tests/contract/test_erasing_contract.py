"""What every store does when a call is erased: nothing of it is left, and nothing comes back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from bridge.cli.storing import Records
from bridge.ids import ConnectionId, TenantId
from bridge.ports.event import CallEvent, Ended, EventKind, StateChanged, Warned
from bridge.ports.placement import CallFilter
from bridge.ports.recording import RecordingPlan
from bridge.ports.store import Erased
from bridge.ports.webhook import DeadLetter, Progress
from bridge.retention import Retention
from bridge.store.database import opened, parse_url
from bridge.store.erasing import erase_stored
from bridge.store.statements import OF_A_CALL
from tests.fakes.agents import SPEC
from tests.fakes.recording import FakeRecordings
from tests.stores import life
from tests.unit.store.calls import EPOCH, over, placed, report, view

EVENTS = 5


async def whole_call(records: Records, number: int, retention: Retention = Retention.ALL) -> None:
    """Let a call live and end, and have webhooks wait for it."""
    call = placed(number, retention)
    spec = replace(call.view.spec, metadata={"case": "7"})
    call = replace(call, view=replace(call.view, spec=spec))
    connection_id, final = spec.connection_id, report(over(call.view))
    await records.directory.add(call)
    kinds: list[EventKind] = [Warned("n", str(number))] * (EVENTS - 1)
    for sequence, kind in enumerate([*kinds, Ended(final)], start=1):
        if sequence == EVENTS:
            await records.reports.save(final)
            await records.directory.update(final.view, EPOCH)
        at = SPEC.created_at + timedelta(seconds=sequence)
        await records.events.append(CallEvent(connection_id, sequence, at, 0.0, kind))
    await records.webhooks.note([Progress("shop", connection_id, 2)])
    await records.webhooks.bury(
        DeadLetter("audit", connection_id, 3, TenantId(""), "warning", "410", 1, SPEC.created_at)
    )


def id_of(number: int) -> ConnectionId:
    return view(number).connection_id


async def known(records: Records, number: int) -> set[str]:
    """Return where something of a call is still known."""
    connection_id = id_of(number)
    found = {
        "directory": await records.directory.get(connection_id),
        "page": [
            one
            for one in await records.directory.page(CallFilter(metadata={"case": "7"}), None, 99)
            if one.connection_id == connection_id
        ],
        "report": await records.reports.report(connection_id),
        "events": await records.events.last_sequence(connection_id),
        "webhooks": [
            one for one in await records.webhooks.unfinished() if one.connection_id == connection_id
        ],
        "dead": [
            one for one in await records.webhooks.dead() if one.connection_id == connection_id
        ],
    }
    return {where for where, what in found.items() if what}


async def rows_of(url: str, connection_id: ConnectionId) -> set[str]:
    """Return the tables that have rows of a call."""
    location = parse_url(url)
    if location is None:
        return set()
    found = set()
    async with opened(location) as engine, engine.connect() as connection:
        for table in OF_A_CALL:
            of_it = select(table).where(table.c.connection_id == connection_id)
            if (await connection.execute(of_it)).first() is not None:
                found.add(table.name)
    return found


async def test_erased_at_its_end_a_call_is_nowhere_and_others_are_whole(store_url: str) -> None:
    async with life(store_url) as records:
        await whole_call(records, 1)
        await whole_call(records, 11)
        everywhere = await known(records, 11)
        assert len(everywhere) == 6
        # Some of it is written by now, some waits: which is the writer's affair.
        assert await records.eraser.erase(id_of(1)) == Erased(EVENTS, True, 2)
        assert await known(records, 1) == set()
        assert await known(records, 11) == everywhere
        assert await records.eraser.erase(id_of(1)) == Erased()
    assert await rows_of(store_url, id_of(1)) == set()


async def test_erased_once_it_is_written_a_call_is_nowhere(store_url: str) -> None:
    async with life(store_url) as records:
        await whole_call(records, 1)
        await asyncio.sleep(0.3)  # the writer gathers for 50 ms
        assert await records.eraser.erase(id_of(1)) == Erased(EVENTS, True, 2)
        assert await known(records, 1) == set()
        assert await rows_of(store_url, id_of(1)) == set()


async def test_call_of_an_earlier_life_is_erased(durable_url: str) -> None:
    async with life(durable_url) as records:
        await whole_call(records, 1)
        await whole_call(records, 2)
    async with life(durable_url) as records:
        assert await records.eraser.erase(id_of(1)) == Erased(EVENTS, True, 2)
        assert await known(records, 1) == set()
        assert "report" in await known(records, 2)
    assert await rows_of(durable_url, id_of(1)) == set()


async def test_what_is_told_of_an_erased_call_brings_nothing_back(store_url: str) -> None:
    async with life(store_url) as records:
        await whole_call(records, 1)
        await records.eraser.erase(id_of(1))
        await records.directory.update(over(view(1)), EPOCH)
        await records.directory.remove(id_of(1))
    assert await rows_of(store_url, id_of(1)) == set()


async def test_call_of_which_nothing_may_be_kept_is_erased_from_memory(store_url: str) -> None:
    async with life(store_url) as records:
        await whole_call(records, 1, Retention.NONE)
        assert (await records.eraser.erase(id_of(1))).events == EVENTS
        assert await known(records, 1) == set()


async def test_the_command_erases_what_the_server_erases(durable_url: str) -> None:
    async with life(durable_url) as records:
        await whole_call(records, 1)
        live = placed(2)
        await records.directory.add(live)
        await records.events.append(
            CallEvent(id_of(2), 1, SPEC.created_at, 0.0, StateChanged(live.view.state, None))
        )
    location = parse_url(durable_url)
    assert location is not None
    sound = FakeRecordings()
    await sound.begin(SPEC.tenant_id, id_of(1), RecordingPlan(), 0.0, lambda _: None)
    kept = await sound.begin(SPEC.tenant_id, id_of(2), RecordingPlan(), 0.0, lambda _: None)
    async with opened(location) as engine:
        assert await erase_stored(engine, sound, id_of(1)) is True
        assert await erase_stored(engine, sound, id_of(1)) is False
        assert await erase_stored(engine, sound, id_of(2)) is False, "it lives"
    assert sound.tapes == [kept]
    assert await rows_of(durable_url, id_of(1)) == set()
    assert "events" in await rows_of(durable_url, id_of(2))
