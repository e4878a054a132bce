# ruff: noqa: S106 - page tokens are no passwords
"""Does the client ask for what was meant, and return what was answered?"""

from datetime import timedelta

import grpc
import pytest

from bridge.client import BridgeClient, DeadlineExceededError
from bridge.v1.agent_pb2 import AgentOverrides
from bridge.v1.call_pb2 import CALL_STATE_ACTIVE, START_POLICY_ON_JOIN, Call, CallLimits
from bridge.v1.report_pb2 import CallReport
from tests.unit.client.fake_bridge import FakeBridge, calls, models, serving, telemetry


async def test_create_room_sends_every_option(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers["CreateRoom"] = lambda _: calls.CreateRoomResponse(connection_id="call-1")
    limits = CallLimits()
    limits.max_duration.FromSeconds(60)
    created = await bridge.create_room(
        "Ada",
        "greeter",
        voice_language="en",
        tenant_id="t",
        request_id="r",
        room_name="room",
        metadata={"k": "v"},
        agent=AgentOverrides(voice="marin"),
        limits=limits,
        start_policy=START_POLICY_ON_JOIN,
        token_ttl=timedelta(seconds=90),
    )
    assert created.connection_id == "call-1"
    sent = fake.requests[0]
    assert (sent.participant_name, sent.agent_id, sent.voice_language) == ("Ada", "greeter", "en")
    assert (sent.tenant_id, sent.request_id, sent.room_name) == ("t", "r", "room")
    assert dict(sent.metadata) == {"k": "v"}
    assert sent.agent.voice == "marin"
    assert sent.limits.max_duration.seconds == 60
    assert sent.start_policy == START_POLICY_ON_JOIN
    assert sent.token_ttl.seconds == 90


async def test_options_left_out_are_unset_but_for_the_id_that_makes_retries_safe(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.answers["CreateRoom"] = lambda _: calls.CreateRoomResponse()
    await bridge.create_room("Ada", "greeter")
    assert [field.name for field, _ in fake.requests[0].ListFields()] == [
        "participant_name",
        "agent_id",
        "request_id",
    ]


async def test_join_room_names_room_and_participant(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers["JoinRoom"] = lambda _: calls.JoinRoomResponse(status="joined")
    answer = await bridge.join_room("Bob", "room-1", "greeter", voice_language="de")
    assert answer.status == "joined"
    sent = fake.requests[0]
    assert (sent.participant_name, sent.room_name, sent.agent_id) == ("Bob", "room-1", "greeter")


async def test_unary_calls_return_their_messages(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers |= {
        "EndCall": lambda request: calls.EndCallResponse(message=request.connection_id),
        "GetConnectionStatus": lambda request: calls.GetConnectionStatusResponse(
            connection_id=request.connection_id
        ),
        "DeleteCallData": lambda _: calls.DeleteCallDataResponse(events_deleted=7),
        "GetCallReport": lambda _: calls.GetCallReportResponse(report=CallReport(complete=True)),
        "GetStats": lambda _: telemetry.GetStatsResponse(slots_total=4),
        "CreateModelToken": lambda request: models.CreateModelTokenResponse(value=request.agent_id),
    }
    assert (await bridge.end_call("call-1")).message == "call-1"
    assert (await bridge.status("call-1")).connection_id == "call-1"
    assert (await bridge.report("call-1")).complete
    assert (await bridge.delete_call_data("call-1")).events_deleted == 7
    assert (await bridge.stats()).slots_total == 4
    token = await bridge.create_model_token("greeter", ttl=timedelta(seconds=30))
    assert token.value == "greeter"
    assert fake.requests[-1].ttl.seconds == 30


async def test_list_calls_walks_all_pages(bridge: BridgeClient, fake: FakeBridge) -> None:
    pages = {
        "": calls.ListCallsResponse(calls=[Call(connection_id="c3")], next_page_token="p2"),
        "p2": calls.ListCallsResponse(calls=[Call(connection_id="c2")], next_page_token="p3"),
        "p3": calls.ListCallsResponse(calls=[Call(connection_id="c1")]),
    }
    fake.answers["ListCalls"] = lambda request: pages[request.page_token]
    found = [
        call.connection_id
        async for call in bridge.list_calls(
            states=[CALL_STATE_ACTIVE], agent_id="a", metadata={"k": "v"}, page_size=1
        )
    ]
    assert found == ["c3", "c2", "c1"]
    assert all(request.states == [CALL_STATE_ACTIVE] for request in fake.requests)
    assert all(dict(request.metadata) == {"k": "v"} for request in fake.requests)


async def test_agents_are_those_of_the_tenant(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers["ListAgents"] = lambda request: calls.ListAgentsResponse(
        agents=[calls.AgentSummary(agent_id=f"{request.tenant_id}-greeter")]
    )
    assert [agent.agent_id for agent in await bridge.list_agents("acme")] == ["acme-greeter"]


async def test_telemetry_yields_until_the_stream_ends(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.answers["StreamTelemetry"] = lambda _: [
        telemetry.StreamTelemetryResponse(),
        telemetry.StreamTelemetryResponse(),
    ]
    interval = timedelta(milliseconds=200)
    answers = [answer async for answer in bridge.telemetry("call-1", interval=interval)]
    assert len(answers) == 2
    assert fake.requests[0].interval.nanos == 200_000_000


async def test_the_api_key_goes_with_every_call(fake: FakeBridge) -> None:
    fake.answers["GetStats"] = lambda _: telemetry.GetStatsResponse()
    async with serving(fake) as target, BridgeClient(target, api_key="k1") as client:
        await client.stats()
    assert fake.metadata["authorization"] == "Bearer k1"


async def test_a_key_that_is_renewed_is_asked_for_every_time(fake: FakeBridge) -> None:
    fake.answers["GetStats"] = lambda _: telemetry.GetStatsResponse()
    keys = iter(["k1", "k2"])
    async with serving(fake) as target, BridgeClient(target, api_key=lambda: next(keys)) as client:
        await client.stats()
        assert fake.metadata["authorization"] == "Bearer k1"
        await client.stats()
        assert fake.metadata["authorization"] == "Bearer k2"


@pytest.mark.parametrize("target", ["10.0.0.7:50051", "bridge.example:50051", "dns:///bridge:1"])
async def test_a_key_goes_to_no_other_machine_in_the_clear(target: str) -> None:
    with pytest.raises(ValueError, match="in the clear") as refused:
        BridgeClient(target, api_key="mbk_secret")
    assert "mbk_secret" not in str(refused.value)
    for allowed in (
        BridgeClient(target, api_key="k", credentials=grpc.ssl_channel_credentials()),
        BridgeClient(target, api_key="k", plaintext_key=True),
        BridgeClient(target),
        BridgeClient("unix:/run/bridge.sock", api_key="k"),
    ):
        await allowed.aclose()


async def test_no_key_sends_no_authorization(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers["GetStats"] = lambda _: telemetry.GetStatsResponse()
    await bridge.stats()
    assert "authorization" not in fake.metadata


async def test_unary_calls_have_a_deadline(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.answers["GetStats"] = lambda _: telemetry.GetStatsResponse()
    await bridge.stats()
    assert fake.deadline_s is not None
    assert 0 < fake.deadline_s < 16  # gRPC rounds it up on the wire


async def test_a_passed_deadline_is_an_error_of_ours(fake: FakeBridge) -> None:
    fake.is_stuck = True
    async with serving(fake) as target, BridgeClient(target, deadline_s=0.1) as client:
        with pytest.raises(DeadlineExceededError):
            await client.stats()
