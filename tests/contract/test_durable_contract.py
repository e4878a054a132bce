"""What every store does that outlives its server: ended calls, in the next life as in this one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from bridge.cli.storing import Records
from bridge.clock import SystemClock
from bridge.errors import Unavailable
from bridge.ids import AgentId, ConnectionId, RoomName, TenantId
from bridge.messages.events import logged
from bridge.ports.budget import Spent
from bridge.ports.call import CallState, CallView, Ending, EndReason, ParticipantView
from bridge.ports.event import (
    CallEvent,
    Ended,
    EventKind,
    Role,
    StateChanged,
    ToolCalled,
    Transcript,
    Warned,
)
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import CallFilter, CallPosition, Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes, Turn
from bridge.ports.store import EventsTrimmed, StoreBackend, StoreStatus
from bridge.ports.tool import ToolCallId
from bridge.retention import Retention
from bridge.store.database import StoreError, opened, parse_url
from bridge.store.migrating import REVISION, migrate
from bridge.store.pending import Batch
from bridge.store.rows import call_row
from bridge.store.schema import METADATA
from bridge.store.statements import Database
from bridge.store.steps import revisions
from bridge.v1 import event_pb2
from tests.fakes.agents import SILENT, SPEC, numbered
from tests.postgresql import PostgreSql
from tests.stores import life

HOST, EPOCH = HostId("front-a/worker-0.1"), Epoch(5)


def view(number: int, **changed: object) -> CallView:
    spec = replace(
        numbered(number),
        created_at=SPEC.created_at + timedelta(seconds=number, microseconds=number),
        **changed,  # type: ignore[arg-type]
    )
    return CallView(spec, HOST)


def ended(view: CallView) -> CallView:
    return replace(
        view,
        state=CallState.ENDED,
        ending=Ending(EndReason.PARTICIPANT_LEFT, "bye"),
        ended_at=view.spec.created_at + timedelta(seconds=60),
        participants=(ParticipantView(SPEC.caller_identity, "Ada", False, False, SPEC.created_at),),
    )


def report(view: CallView) -> CallReport:
    turns = (Turn(1, SPEC.created_at, user_text="Hello?", agent_text="Good day."),)
    return CallReport(view, True, SetupTimes(), turns, None, 0.0, MediaTotals(), ())


class Telling:
    """One call as its owner tells of it."""

    def __init__(self, records: Records, of: CallView) -> None:
        self._records = records
        self.view = of
        self._sequences = count(1)

    async def begin(self) -> None:
        assert await self._records.directory.add(Placed(self.view, HOST, EPOCH)) is None
        await self.tell(StateChanged(CallState.CREATED, None))

    async def tell(self, kind: EventKind) -> None:
        at = self.view.spec.created_at
        sequence = next(self._sequences)
        await self._records.events.append(
            CallEvent(self.view.connection_id, sequence, at, 0.0, kind)
        )

    async def end(self) -> CallReport:
        """End the call as a call does it: report, view, last event."""
        await self.tell(StateChanged(CallState.ENDED, CallState.ENDING))
        self.view = ended(self.view)
        final = report(self.view)
        await self._records.reports.save(final)
        await self._records.directory.update(self.view, EPOCH)
        await self.tell(Ended(final))
        return final


async def whole_call(records: Records, of: CallView) -> Telling:
    call = Telling(records, of)
    await call.begin()
    await call.tell(Transcript("item-1", Role.USER, "Hello?", final=True))
    await call.end()
    return call


async def followed(records: Records, call: CallView, after: int = 0) -> list[event_pb2.CallEvent]:
    events = await records.events.follow(call.connection_id, after)
    return [event_pb2.CallEvent.FromString(event.payload) async for event in events]


async def listed(
    records: Records, calls: CallFilter | None = None, after: int | None = None, limit: int = 99
) -> list[int]:
    marker = None if after is None else CallPosition.of(view(after))
    page = await records.directory.page(calls or CallFilter(), marker, limit)
    return [int(one.connection_id.removeprefix("call-")) for one in page]


async def test_ended_call_is_known_in_the_next_life(durable_url: str) -> None:
    async with life(durable_url) as records:
        call = await whole_call(records, view(1, metadata={"case": "7"}))
        final = await records.reports.report(call.view.connection_id)
    async with life(durable_url) as records:
        placed = await records.directory.get(call.view.connection_id)
        assert placed is not None
        assert (placed.host_id, placed.epoch) == (HOST, EPOCH)
        assert placed.view.ending == Ending(EndReason.PARTICIPANT_LEFT, "bye")
        assert placed.view.participants == call.view.participants
        assert placed.view.spec.metadata == {"case": "7"}
        assert placed.view.spec.created_at == call.view.spec.created_at
        kept = await records.reports.report(call.view.connection_id)
        assert final is not None
        assert kept == replace(final, view=placed.view)
        events = await followed(records, call.view)
        assert [event.sequence for event in events] == [1, 2, 3, 4]
        assert events[-1].ended.report.turns[0].user_text == "Hello?"
        assert [event.sequence for event in await followed(records, call.view, 2)] == [3, 4]
        assert await followed(records, call.view, 4) == []
        assert records.unfinished == []


async def test_room_that_has_its_name_from_an_ended_call_is_known_in_the_next_life(
    durable_url: str,
) -> None:
    async with life(durable_url) as records:
        call = await whole_call(records, view(1))
        await whole_call(records, view(2, room_name=RoomName("support")))
    async with life(durable_url) as records:
        last = await records.directory.last_in_room(call.view.spec.room_name)
        assert last is not None
        assert last.view.connection_id == call.view.connection_id
        # Its id would be the room's, but it had another one.
        assert await records.directory.last_in_room(RoomName("room-2")) is None


async def test_what_its_agent_was_told_is_not_stored(durable_url: str) -> None:
    secret = replace(SILENT, model=replace(SILENT.model, instructions="The code word is owl."))
    async with life(durable_url) as records:
        call = await whole_call(records, view(1, agent=secret))
    async with life(durable_url) as records:
        placed = await records.directory.get(call.view.connection_id)
    assert placed is not None
    assert placed.view.spec.agent.agent_id == SILENT.agent_id
    assert placed.view.spec.agent.model.model == SILENT.model.model
    assert placed.view.spec.agent.model.instructions == ""
    assert placed.view.spec.agent.model.tools == ()


async def test_nothing_is_known_of_a_call_that_never_began(durable_url: str) -> None:
    async with life(durable_url) as records:
        call = Telling(records, view(1))
        await call.begin()
        await records.directory.remove(call.view.connection_id)
    async with life(durable_url) as records:
        assert records.unfinished == []
        assert await records.directory.get(call.view.connection_id) is None
        with pytest.raises(KeyError):
            await records.events.follow(call.view.connection_id, 0)


async def test_calls_are_listed_from_memory_and_store_each_once(durable_url: str) -> None:
    async with life(durable_url) as records:
        for number in (1, 3, 5):
            await whole_call(records, view(number))
    async with life(durable_url) as records:
        assert await listed(records) == [5, 3, 1]
        await whole_call(records, view(2))
        await Telling(records, view(4)).begin()
        assert await listed(records) == [5, 4, 3, 2, 1]
        assert await listed(records, limit=2) == [5, 4]
        assert await listed(records, after=4, limit=2) == [3, 2]
        assert await listed(records, after=2, limit=2) == [1]
        live = CallFilter(states=frozenset(CallState) - {CallState.ENDED})
        assert await listed(records, live) == [4]


async def test_stored_calls_are_found_by_the_same_filters(durable_url: str) -> None:
    other_agent = replace(SILENT, agent_id=AgentId("other"))
    quoted = {"a\"b'c": "100 %"}
    async with life(durable_url) as records:
        await whole_call(records, view(1, metadata={"k": "1", "l": "x"}))
        await whole_call(records, view(2, metadata={"k": "2"}, tenant_id=TenantId("globex")))
        await whole_call(records, view(3, metadata={"k": "1"}, agent=other_agent))
        await whole_call(records, view(4, metadata=quoted))
    async with life(durable_url) as records:
        assert await listed(records, CallFilter(tenant_id=TenantId("acme"))) == [4, 3, 1]
        assert await listed(records, CallFilter(agent_id=AgentId("other"))) == [3]
        assert await listed(records, CallFilter(metadata={"k": "1"})) == [3, 1]
        assert await listed(records, CallFilter(metadata={"k": "1", "l": "x"})) == [1]
        assert await listed(records, CallFilter(metadata={"k": "3"})) == []
        assert await listed(records, CallFilter(metadata=quoted)) == [4]
        acme = CallFilter(tenant_id=TenantId("acme"), states=frozenset({CallState.ENDED}))
        assert await listed(records, acme, after=3) == [1]


async def test_metadata_that_no_text_column_holds_costs_no_call_its_end(durable_url: str) -> None:
    odd = {"k\0": "\0 and \ud7ff \U0001f600"}
    async with life(durable_url) as records:
        await whole_call(records, view(1, metadata=odd))
    async with life(durable_url) as records:
        assert await listed(records, CallFilter(metadata=odd)) == [1]
        placed = await records.directory.get(view(1).connection_id)
        assert placed is not None
        assert placed.view.spec.metadata == odd


async def test_follower_that_is_too_slow_for_memory_goes_on_in_the_store(durable_url: str) -> None:
    async with life(durable_url, events=5) as records:
        call = Telling(records, view(1))
        await call.begin()
        slow = await records.events.follow(call.view.connection_id, 0)
        assert (await anext(slow)).sequence == 1
        for _ in range(700):
            await call.tell(Warned("n", "n"))
        await stored(records, call.view, 600)
        assert [(await anext(slow)).sequence for _ in range(600)] == list(range(2, 602))
        await call.end()
        assert [event.sequence async for event in slow] == list(range(602, 704))


async def stored(records: Records, call: CallView, sequence: int) -> None:
    """Wait until an event that memory has forgotten can be read: the writer tells nobody."""
    async for _ in attempts():
        try:
            await anext(await records.events.follow(call.connection_id, sequence - 1))
        except EventsTrimmed:
            continue
        return


async def attempts() -> AsyncIterator[None]:
    async with asyncio.timeout(30):
        while True:
            yield
            await asyncio.sleep(0.02)


async def test_calls_that_a_killed_life_has_left_are_told_with_their_drafts(
    durable_url: str,
) -> None:
    async with life(durable_url) as records:
        call = Telling(records, view(1))
        await call.begin()
        await records.directory.update(replace(call.view, state=CallState.ACTIVE), EPOCH)
        await call.tell(Warned("n", "n"))
        assert records.draft is not None
        draft = replace(report(call.view), complete=False)
        records.draft(replace(draft, view=replace(call.view, state=CallState.ACTIVE)))
        await whole_call(records, view(2))
    async with life(durable_url) as records:
        (left,) = records.unfinished
        assert left.placed.view.connection_id == call.view.connection_id
        assert left.placed.view.state is CallState.ACTIVE
        assert left.placed.epoch == EPOCH
        assert left.draft is not None
        assert left.draft.turns == draft.turns
        assert await records.events.last_sequence(call.view.connection_id) == 2
        assert await records.directory.get(call.view.connection_id) is None
    async with life(durable_url, MEDIABRIDGE_HOST_ID="front-b") as records:
        assert records.unfinished == [], "another front's calls are not ours to end"


async def test_what_tenants_have_spent_is_known_in_the_next_life(durable_url: str) -> None:
    today, acme = SystemClock().now().date(), TenantId("acme")
    huge = Spent(30, 10**18 + 999_999)
    async with life(durable_url) as records:
        await records.ledger.record(acme, today, ConnectionId("one"), Spent(10, 7))
        await records.ledger.record(acme, today, ConnectionId("one"), huge)
    async with life(durable_url) as records:
        assert await records.ledger.spent(acme, today) == huge
        late = Spent(1, 10**18)
        assert await records.ledger.record(acme, today, ConnectionId("one"), late) == huge
        await records.ledger.record(acme, today, ConnectionId("two"), Spent(1, 1))
    async with life(durable_url) as records:
        assert await records.ledger.spent(acme, today) == huge + Spent(1, 1)


LEVELS = {
    # What is kept of words, and of what tools were told.
    Retention.ALL: ("Hello?", '{"plate": "B-XY 12"}'),
    Retention.TRANSCRIPT: ("Hello?", ""),
    Retention.METADATA: ("", ""),
}


@pytest.mark.parametrize("retention", LEVELS)
async def test_no_more_is_stored_than_may_be(durable_url: str, retention: Retention) -> None:
    words, arguments = LEVELS[retention]
    async with life(durable_url) as records:
        call = Telling(records, view(1, retention=retention))
        await call.begin()
        await call.tell(Transcript("item-1", Role.USER, "Hello?", final=True))
        called = ToolCalled(ToolCallId("c"), "find", "r", '{"plate": "B-XY 12"}')
        await call.tell(called)
        await call.end()
        told = await followed(records, call.view)
        assert told[1].transcript.text == "Hello?", "whoever follows the call hears all of it"
    async with life(durable_url) as records:
        events = await followed(records, call.view)
        assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
        assert events[1].transcript.text == words
        assert events[1].transcript.item_id == "item-1"
        assert events[2].tool_called.arguments_json == arguments
        assert events[4].ended.report.turns[0].user_text == words
        kept = await records.reports.report(call.view.connection_id)
        assert kept is not None
        assert [turn.user_text for turn in kept.turns] == [words]


async def test_of_a_call_that_may_not_be_kept_nothing_is_left(durable_url: str) -> None:
    async with life(durable_url) as records:
        call = await whole_call(records, view(1, retention=Retention.NONE, metadata={"k": "v"}))
    async with life(durable_url) as records:
        assert records.unfinished == []
        assert await listed(records) == []
        assert await records.directory.get(call.view.connection_id) is None
        assert await records.reports.report(call.view.connection_id) is None
        with pytest.raises(KeyError):
            await records.events.follow(call.view.connection_id, 0)


async def test_a_call_that_may_not_be_kept_is_still_found_by_the_next_life(
    durable_url: str,
) -> None:
    async with life(durable_url) as records:
        await Telling(records, view(1, retention=Retention.NONE, metadata={"k": "v"})).begin()
    async with life(durable_url) as records:
        (left,) = records.unfinished
        assert left.placed.view.spec.room_name == "room-1"
        assert left.placed.view.spec.metadata == {}
        assert left.draft is None


async def stuck(records: Records) -> StoreStatus:
    """Return how the store is doing, once it takes nothing."""
    assert records.status is not None
    async with asyncio.timeout(20):
        while (status := records.status()).stuck_since is None:  # noqa: ASYNC110 - looked at only
            await asyncio.sleep(0.02)
    return status


async def test_database_that_goes_away_hurts_no_call_and_loses_no_end(
    postgresql: PostgreSql,
) -> None:
    url = postgresql.emptied_database()
    async with life(url) as records:
        call = Telling(records, view(1))
        await call.begin()
        over = await whole_call(records, view(2))
        await asyncio.to_thread(postgresql.stop)
        try:
            await call.tell(Warned("n", "n"))
            before = await stuck(records)
            await call.end()
            assert before.backend is StoreBackend.POSTGRESQL
            assert await stuck(records) == replace(
                before,
                events_waiting=before.events_waiting + 1,
                ends_waiting=before.ends_waiting + 1,
            )
            with pytest.raises(Unavailable):
                await records.eraser.erase(over.view.connection_id)
            assert await records.reports.report(over.view.connection_id) is not None
            assert [event.sequence for event in await followed(records, call.view)] == [1, 2, 3, 4]
            assert await records.reports.report(call.view.connection_id) is not None
            with pytest.raises(Unavailable) as refused:
                await records.directory.page(CallFilter(), None, 10)
            assert refused.value.reason == "STORE_UNAVAILABLE"
        finally:
            await asyncio.to_thread(postgresql.start)
    async with life(url) as records:
        assert await listed(records) == [2, 1]
        assert [event.sequence for event in await followed(records, call.view)] == [1, 2, 3, 4]
        assert await records.reports.report(over.view.connection_id) is not None


async def test_two_servers_of_one_name_do_not_share_a_store(durable_url: str) -> None:
    async with life(durable_url):
        with pytest.raises(StoreError, match="another server"):
            async with life(durable_url):
                pass
    async with life(durable_url):
        pass


async def test_store_of_a_newer_release_is_left_alone(durable_url: str) -> None:
    location = parse_url(durable_url)
    assert location is not None
    async with opened(location) as engine:
        await migrate(engine)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match="newer release"):
            await migrate(engine)


async def test_every_revision_with_rows_in_it_is_brought_forward(durable_url: str) -> None:
    location = parse_url(durable_url)
    assert location is not None
    async with opened(location) as engine:
        for number, revision in enumerate(revisions(), start=1):
            assert (await migrate(engine, revision)).after == revision
            over = ended(view(number))
            row = call_row(Placed(over, HOST, EPOCH), report(over), is_over=True)
            event = logged(
                CallEvent(over.connection_id, 1, over.spec.created_at, 0.0, Ended(report(over)))
            )
            await Database(engine, "front-a").write(Batch(calls=(row,), events=(event,)))
        assert revision == REVISION
    async with life(durable_url) as records:
        assert await listed(records) == list(range(len(revisions()), 0, -1))
        for number in range(1, len(revisions()) + 1):
            assert await records.reports.report(view(number).connection_id) is not None
            assert len(await followed(records, view(number))) == 1


async def test_migrations_lead_to_the_schema_that_statements_speak_of(durable_url: str) -> None:
    location = parse_url(durable_url)
    assert location is not None
    async with opened(location) as engine:
        await migrate(engine)
        async with engine.connect() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
            )
    assert differences == []
