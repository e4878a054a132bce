"""A real server on a real socket: what clients of any language get to see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bridge.api import server
from bridge.api.telemetry import stored
from bridge.errors import ModelError, ModelFailure
from bridge.ports.store import StoreBackend, StoreStatus
from bridge.v1 import call_pb2, call_service_pb2, model_service_pb2, telemetry_service_pb2
from tests.fakes.clock import settle
from tests.unit.api.rig import (
    Api,
    free_address,
    open_guard,
    reason_of,
    refused,
    services,
    serving,
    status_of,
    wrong_fields_of,
)

Code = grpc.StatusCode
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as running:
        yield running


def create(**fields: Any) -> call_service_pb2.CreateRoomRequest:
    return call_service_pb2.CreateRoomRequest(
        participant_name="Ada", agent_id="greeter", tenant_id="acme", **fields
    )


async def health(api: Api, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(api.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


def listening(api: Api, address: str) -> AbstractAsyncContextManager[server.ApiServer]:
    """Return another server over the same calls."""
    return server.serve(services(api.desk), server.Listener(address), open_guard(api.desk))


def raw_channel(api: Api) -> Any:
    """Return the channel for bytes, which its types know nothing of."""
    return api.channel


async def rest_of(stream: Any) -> list[Any]:
    """Read a stream to its end, also where its beginning was read one by one."""
    rest: list[Any] = []
    while (response := await stream.read()) is not grpc.aio.EOF:
        rest.append(response)
    return rest


async def test_call_is_created_watched_and_ended(api: Api) -> None:
    made = await api.calls.CreateRoom(create(metadata={"k": "v"}))
    assert (made.status, made.server_url) == ("created", "ws://livekit.test")
    assert made.call.metadata == {"k": "v"}
    assert made.capacity_remaining == 1
    watching = api.calls.WatchEvents(
        call_service_pb2.WatchEventsRequest(connection_id=made.connection_id)
    )
    first = await watching.read()
    assert first.event.state_changed.state == call_pb2.CALL_STATE_CREATED
    asked = call_service_pb2.GetConnectionStatusRequest(connection_id=made.connection_id)
    status = await api.calls.GetConnectionStatus(asked)
    assert (status.is_active, status.is_ai_ready) == (True, True)
    assert status.participant_id == made.participant_id
    ended = await api.calls.EndCall(
        call_service_pb2.EndCallRequest(connection_id=made.connection_id)
    )
    assert (ended.status, ended.already_ended) == ("success", False)
    told = [response.event for response in await rest_of(watching)]
    assert [event.sequence for event in told] == list(range(2, 2 + len(told)))
    assert told[-1].ended.report.complete
    assert await watching.code() is Code.OK
    again = await api.calls.EndCall(
        call_service_pb2.EndCallRequest(connection_id=made.connection_id)
    )
    assert again.already_ended
    status = await api.calls.GetConnectionStatus(asked)
    assert (status.is_active, status.is_ai_ready) == (False, False)
    report = await api.calls.GetCallReport(
        call_service_pb2.GetCallReportRequest(connection_id=made.connection_id)
    )
    assert report.report == told[-1].ended.report


async def test_another_human_joins_by_the_room_s_name(api: Api) -> None:
    made = await api.calls.CreateRoom(create())
    asked = call_service_pb2.JoinRoomRequest(
        participant_name="Bob", tenant_id="acme", room_name=made.room_name
    )
    joined = await api.calls.JoinRoom(asked)
    assert (joined.status, joined.connection_id) == ("joined", made.connection_id)
    assert joined.participant_id != made.participant_id


async def test_cancelled_watch_ends_no_call(api: Api) -> None:
    made = await api.calls.CreateRoom(create())
    watching = api.calls.WatchEvents(
        call_service_pb2.WatchEventsRequest(connection_id=made.connection_id)
    )
    await watching.read()
    watching.cancel()
    await watching.code()
    status = await api.calls.GetConnectionStatus(
        call_service_pb2.GetConnectionStatusRequest(connection_id=made.connection_id)
    )
    assert status.is_active


async def test_pages_cover_all_calls_once() -> None:
    async with serving(slots=7) as api:
        made = []
        for _ in range(7):
            made.append((await api.calls.CreateRoom(create())).connection_id)
            await api.world.clock.advance(1)
        seen: list[str] = []
        token, pages = "", 0
        while pages == 0 or token:
            asked = call_service_pb2.ListCallsRequest(page_size=3, page_token=token)
            page = await api.calls.ListCalls(asked)
            seen += [call.connection_id for call in page.calls]
            token, pages = page.next_page_token, pages + 1
        assert seen == list(reversed(made))
        assert pages == 3


async def test_page_that_would_be_too_large_for_clients_is_cut() -> None:
    metadata = {f"key-{number}": "\U0001f600" * 512 for number in range(32)}
    async with serving(slots=80) as api:
        for _ in range(80):
            await api.calls.CreateRoom(create(metadata=metadata))
        page = await api.calls.ListCalls(call_service_pb2.ListCallsRequest(page_size=1000))
        assert 10 < len(page.calls) < 80
        asked = call_service_pb2.ListCallsRequest(page_size=1000, page_token=page.next_page_token)
        rest = await api.calls.ListCalls(asked)
        assert len(page.calls) + len(rest.calls) == 80


async def test_stats_count_calls_ends_and_refusals(api: Api) -> None:
    empty = await api.telemetry.GetStats(telemetry_service_pb2.GetStatsRequest())
    assert (empty.active_rooms, empty.slots_total, empty.slots_free) == (0, 2, 2)
    made = await api.calls.CreateRoom(create())
    await api.calls.CreateRoom(create())
    error = await refused(api.calls.CreateRoom(create()))
    assert (error.code(), reason_of(error)) == (Code.RESOURCE_EXHAUSTED, "NO_FREE_SLOT")
    retry = error_details_pb2.RetryInfo()
    assert status_of(error).details[1].Unpack(retry)
    assert retry.retry_delay.seconds > 0
    await api.calls.EndCall(call_service_pb2.EndCallRequest(connection_id=made.connection_id))
    stats = await api.telemetry.GetStats(telemetry_service_pb2.GetStatsRequest())
    assert (stats.active_rooms, stats.active_connections, stats.slots_free) == (1, 1, 1)
    assert (stats.calls_created, stats.calls_refused) == (2, 1)
    assert stats.calls_ended == {"END_REASON_API_ENDED": 1}
    assert stats.version == "1.2.3"


async def test_telemetry_of_a_call_ends_with_it(api: Api) -> None:
    made = await api.calls.CreateRoom(create())
    asked = telemetry_service_pb2.StreamTelemetryRequest(connection_id=made.connection_id)
    asked.interval.seconds = 1
    stream = api.telemetry.StreamTelemetry(asked)
    reading = asyncio.ensure_future(stream.read())
    while not reading.done():
        await api.world.clock.advance(0.25)
    assert reading.result().samples[0].connection_id == made.connection_id
    await api.calls.EndCall(call_service_pb2.EndCallRequest(connection_id=made.connection_id))
    last = await rest_of(stream)
    assert last[-1].samples[0].state == call_pb2.CALL_STATE_ENDED
    assert await stream.code() is Code.OK


async def test_agents_are_listed_with_their_languages(api: Api) -> None:
    listed = await api.calls.ListAgents(call_service_pb2.ListAgentsRequest())
    assert [(one.agent_id, one.languages, one.default_language) for one in listed.agents] == [
        ("greeter", ["en"], "en"),
        ("patient", ["en"], "en"),
    ]
    error = await refused(api.calls.ListAgents(call_service_pb2.ListAgentsRequest(tenant_id="\n")))
    assert reason_of(error) == "INVALID_REQUEST"


async def test_model_key_is_handed_out_and_refusals_are_told_apart(api: Api) -> None:
    asked = model_service_pb2.CreateModelTokenRequest(agent_id="greeter")
    key = await api.models.CreateModelToken(asked)
    assert (key.value, key.model_url, key.model) == ("ek_1", "wss://model.test", "m")
    assert api.world.models.configs[-1].tools == (), "nobody would execute them"
    for failure in ModelFailure:
        api.world.models.refusal = ModelError(failure)
        error = await refused(api.models.CreateModelToken(asked))
        assert reason_of(error) == f"MODEL_{failure.name}"
        hopeless = {ModelFailure.AUTH, ModelFailure.QUOTA, ModelFailure.CONFIG_REJECTED}
        expected = Code.FAILED_PRECONDITION if failure in hopeless else Code.UNAVAILABLE
        assert error.code() is expected


async def test_client_that_hangs_up_leaves_a_call_that_can_be_found_again(api: Api) -> None:
    api.world.rooms.creating.hang()
    asking = api.calls.CreateRoom(create(request_id="r1"))
    stats = telemetry_service_pb2.GetStatsRequest()
    while (await api.telemetry.GetStats(stats)).slots_free == 2:
        await settle()
    asking.cancel()
    api.world.rooms.creating.recover()
    again = await api.calls.CreateRoom(create(request_id="r1"))
    assert (await api.telemetry.GetStats(stats)).calls_created == 1
    assert again.connection_id


async def test_every_service_is_healthy_and_not_while_draining(api: Api) -> None:
    names = ("", *server.SERVICES)
    assert [await health(api, name) for name in names] == [SERVING] * len(names)
    await api.server.set_serving(server.SERVICES, serving=False)
    assert [await health(api, name) for name in names] == [NOT_SERVING] * len(names)


async def test_reflection_lists_every_service(api: Api) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    stream = stub.ServerReflectionInfo()
    await stream.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await stream.read()
    await stream.done_writing()
    listed = {service.name for service in answer.list_services_response.service}
    assert listed >= {*server.SERVICES, "grpc.health.v1.Health"}
    assert await stream.code() is Code.OK


async def test_server_without_livekit_runs_and_refuses_calls() -> None:
    async with serving(livekit=False) as api:
        error = await refused(api.calls.CreateRoom(create()))
        assert (error.code(), reason_of(error)) == (Code.FAILED_PRECONDITION, "LIVEKIT_DISABLED")
        watching = api.calls.WatchEvents(call_service_pb2.WatchEventsRequest(connection_id="x"))
        assert reason_of(await refused(watching.read())) == "LIVEKIT_DISABLED"
        stream = api.telemetry.StreamTelemetry(telemetry_service_pb2.StreamTelemetryRequest())
        assert reason_of(await refused(stream.read())) == "LIVEKIT_DISABLED"
        stats = await api.telemetry.GetStats(telemetry_service_pb2.GetStatsRequest())
        assert stats.active_rooms == 0
        asked = model_service_pb2.CreateModelTokenRequest(agent_id="greeter")
        assert (await api.models.CreateModelToken(asked)).value
        names = ("", "bridge.v1.CallService", "bridge.v1.TelemetryService")
        assert [await health(api, name) for name in names] == [SERVING, NOT_SERVING, SERVING]


async def test_taken_port_is_refused(api: Api) -> None:
    with pytest.raises(server.ListenError, match=api.address):
        await listening(api, api.address).__aenter__()


async def test_address_of_another_machine_is_refused(api: Api) -> None:
    with pytest.raises(server.ListenError):
        await listening(api, "203.0.113.1:50051").__aenter__()


async def test_port_is_free_again_behind_a_server(api: Api) -> None:
    address = free_address()
    for _ in range(2):
        async with listening(api, address):
            pass


async def test_message_that_is_too_large_is_refused_and_the_server_goes_on(api: Api) -> None:
    request = create()
    request.agent.instructions = "x" * 300_000
    error = await refused(api.calls.CreateRoom(request))
    assert error.code() is Code.RESOURCE_EXHAUSTED
    await api.calls.CreateRoom(create())


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("CallService/CreateRoom", b"\xff\xff\xff"),
        ("CallService/CreateRoom", b"\x0a\xff"),
        ("CallService/CreateRoom", b"\x0a\x02\xc3\x28"),  # no UTF-8
        ("ModelService/CreateModelToken", b"\x0a\x02\xc3\x28"),
        ("TelemetryService/GetStats", b"\x0a\xff"),
    ],
)
async def test_garbage_is_an_invalid_request(api: Api, method: str, raw: bytes) -> None:
    error = await refused(raw_channel(api).unary_unary(f"/bridge.v1.{method}")(raw))
    assert error.code() is Code.INVALID_ARGUMENT
    assert wrong_fields_of(error) == [""]


async def test_garbage_for_a_stream_is_an_invalid_request(api: Api) -> None:
    stream = raw_channel(api).unary_stream("/bridge.v1.CallService/WatchEvents")(b"\xff\xff")
    error = await refused(stream.read())
    assert error.code() is Code.INVALID_ARGUMENT


async def test_unknown_method_is_unimplemented(api: Api) -> None:
    error = await refused(raw_channel(api).unary_unary("/bridge.v1.CallService/Nothing")(b""))
    assert error.code() is Code.UNIMPLEMENTED


async def test_defect_tells_nothing_of_itself(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = "my card number is 4111"

    def broken() -> None:
        raise RuntimeError(spoken)

    api.desk.registry.statuses = broken  # type: ignore[method-assign, assignment]
    error = await refused(api.telemetry.GetStats(telemetry_service_pb2.GetStatsRequest()))
    assert error.code() is Code.INTERNAL
    assert spoken not in f"{error.details()}{''.join(capsys.readouterr())}"


async def test_watcher_that_fell_behind_is_told_where_to_go_on(api: Api) -> None:
    made = await api.calls.CreateRoom(create())
    await settle()
    events = api.world.events._live[made.connection_id].events
    events.popleft()
    watching = api.calls.WatchEvents(
        call_service_pb2.WatchEventsRequest(connection_id=made.connection_id)
    )
    error = await refused(watching.read())
    assert (error.code(), reason_of(error)) == (Code.OUT_OF_RANGE, "EVENTS_TRIMMED")


def test_stats_say_how_the_store_is_doing() -> None:
    memory = stored(None)
    assert (memory.backend, memory.taking) == (telemetry_service_pb2.STORE_BACKEND_MEMORY, True)
    assert not memory.HasField("stuck_since")
    well = stored(StoreStatus(StoreBackend.SQLITE, events_waiting=3))
    assert (well.backend, well.taking, well.events_waiting) == (
        telemetry_service_pb2.STORE_BACKEND_SQLITE,
        True,
        3,
    )
    since = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    stuck = stored(StoreStatus(StoreBackend.POSTGRESQL, since, 20_000, 7, 41))
    assert (stuck.backend, stuck.taking) == (telemetry_service_pb2.STORE_BACKEND_POSTGRESQL, False)
    assert stuck.stuck_since.ToDatetime(tzinfo=UTC) == since
    assert (stuck.events_waiting, stuck.ends_waiting, stuck.events_lost) == (20_000, 7, 41)


async def test_endpoints_that_are_not_there_are_refused_by_their_field(api: Api) -> None:
    for names in (["nobody"], ["e"] * 17):
        selection = call_service_pb2.WebhookSelection(endpoints=names)
        error = await refused(api.calls.CreateRoom(create(webhooks=selection)))
        assert error.code() is Code.INVALID_ARGUMENT
        assert wrong_fields_of(error) == ["webhooks.endpoints"]
    none = call_service_pb2.WebhookSelection()
    made = await api.calls.CreateRoom(create(webhooks=none))
    placed = await api.world.directory.get(made.connection_id)
    assert placed is not None
    assert placed.view.spec.webhooks == frozenset()
    joining = call_service_pb2.JoinRoomRequest(
        participant_name="Bob", room_name=made.room_name, tenant_id="acme", webhooks=none
    )
    error = await refused(api.calls.JoinRoom(joining))
    assert wrong_fields_of(error) == ["webhooks"]
