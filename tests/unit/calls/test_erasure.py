"""A call is erased once all of it is told, with its sound, and for those alone whose it is."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.errors import NotFound, Unavailable, WrongState
from bridge.ids import ConnectionId, TenantId
from bridge.ports.recording import Recorded, RecordingFormat, RecordingPlan, RecordingSource
from tests.fakes.clock import settle
from tests.unit.calls.desk import ACME, OTHER, Desk, desk_over, request
from tests.unit.calls.rig import EPOCH, World
from tests.unit.store.calls import event, last, over, placed, view

LIVEKITS = Recorded(
    "s3://calls/1.ogg", RecordingFormat.OGG_OPUS, 1.0, 1, 2, source=RecordingSource.EGRESS
)


async def recorded(desk: Desk, world: World) -> ConnectionId:
    """Let a call be recorded by the bridge and by LiveKit, and end."""
    made = await desk.reception.create(request(tenant=ACME))
    connection_id = made.view.connection_id
    tape = await world.recordings.begin(ACME, connection_id, RecordingPlan(), 0.0, lambda _: None)
    await desk.registry.end(connection_id, ACME)
    report = world.store.saved[-1]
    await world.store.save(replace(report, recordings=(await tape.finish(1.0), LIVEKITS)))
    return connection_id


async def test_its_recording_goes_and_what_lies_elsewhere_is_named(world: World) -> None:
    async with desk_over(world) as desk:
        connection_id = await recorded(desk, world)
        with capture_logs() as logged:
            erased = await desk.erasure.erase(connection_id, ACME)
        assert erased.recordings == [f"memory:acme/{connection_id}"]
        assert erased.recordings_left == ["s3://calls/1.ogg"]
        assert world.recordings.tapes == []
        (line,) = [one for one in logged if one["event"] == "call data deleted"]
        assert (line["connection_id"], line["tenant_id"]) == (connection_id, ACME)
        assert (line["recordings"], line["recordings_left"]) == (1, 1)


async def test_others_cannot_tell_it_from_one_that_never_was(world: World) -> None:
    async with desk_over(world) as desk:
        ended = await recorded(desk, world)
        live = (await desk.reception.create(request(tenant=ACME))).view.connection_id
        for connection_id in (ended, live, ConnectionId("call-nobody-has")):
            with pytest.raises(NotFound) as refused:
                await desk.erasure.erase(connection_id, OTHER)
            assert (refused.value.reason, refused.value.message) == (
                "CALL_NOT_FOUND",
                "no such call",
            )
            assert refused.value.metadata == {"connection_id": connection_id}
        assert (await desk.erasure.erase(ended, None)).records.report


async def test_a_call_whose_last_event_is_still_to_come_is_waited_for(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        await world.directory.add(placed())
        await world.directory.update(over(view()), EPOCH)
        await world.events.keep(event(view(), 1))
        erasing = group.create_task(desk.erasure.erase(view().connection_id, None))
        await world.clock.advance(1)
        assert not erasing.done()
        await world.events.keep(last(view(), 2))
        await settle()
        assert erasing.result().records.events == 2


async def test_a_call_whose_last_event_does_not_come_has_not_ended(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        await world.directory.add(placed())
        await world.directory.update(over(view()), EPOCH)
        await world.events.keep(event(view(), 1))
        erasing = group.create_task(refused_to(desk, view().connection_id))
        await world.clock.advance(3)
        assert erasing.result() == "CALL_NOT_ENDED"
        assert await world.directory.get(view().connection_id) is not None


async def refused_to(desk: Desk, connection_id: ConnectionId) -> str:
    with pytest.raises(WrongState) as refused:
        await desk.erasure.erase(connection_id, None)
    return refused.value.reason


async def test_what_cannot_be_deleted_leaves_the_call_to_be_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(_tenant: TenantId, _call: ConnectionId) -> list[str]:
        raise Unavailable("RECORDING_NOT_DELETED", "a recording cannot be deleted", 5.0)

    async with desk_over(world) as desk:
        connection_id = await recorded(desk, world)
        with monkeypatch.context() as broken:
            broken.setattr(world.recordings, "erase", stuck)
            with pytest.raises(Unavailable):
                await desk.erasure.erase(connection_id, ACME)
        assert (await desk.registry.report(connection_id, ACME)).recordings
        assert (await desk.erasure.erase(connection_id, ACME)).records.report
