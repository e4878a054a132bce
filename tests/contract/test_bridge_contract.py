"""What every bridge does, the real one and the scripted one that users test against.

The real one is the API's server over a world in memory; its caller and model are played by hand.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import pytest

from bridge.client import (
    AlreadyExistsError,
    BridgeCallError,
    BridgeClient,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from bridge.client.errors import raised_as_ours
from bridge.ids import AgentId, ConnectionId, RoomName, TenantId
from bridge.inspection import Inspection
from bridge.own_process import OwnProcess
from bridge.ports.model_event import SpeechStarted, SpeechStopped, UserTextDone
from bridge.ports.tool import ToolCallId, ToolFailure, ToolInvocation
from bridge.testing import AgentSays, CallerJoins, CallerLeaves, CallerSays, ScriptedBridge
from bridge.v1 import admin_service_pb2, call_pb2, event_pb2, tool_service_pb2
from bridge.v1 import call_service_pb2 as pb
from bridge.v1.agent_pb2 import AgentOverrides
from bridge.v1.tool_service_pb2_grpc import ToolServiceStub
from tests.fakes.clock import FakeClock, settle
from tests.unit.api.rig import Api, serving

if TYPE_CHECKING:
    from tests.fakes.room import FakeHuman

SLOTS = 3
PATIENT = pb.AgentSummary(agent_id="patient", name="Ava", languages=["en"], default_language="en")
GREETER = pb.AgentSummary(agent_id="greeter", name="Ava", languages=["en"], default_language="en")


class Bridge(Protocol):
    """A bridge, and the hands that play those who talk in its calls."""

    target: str

    async def caller_joins(self, created: pb.CreateRoomResponse) -> None: ...
    async def caller_says(self, connection_id: str, text: str) -> None: ...
    async def agent_says(self, connection_id: str, text: str) -> None: ...
    async def caller_leaves(self, connection_id: str) -> None: ...
    async def pass_time(self, seconds: float) -> None: ...
    async def add_room(self, room_name: str) -> None: ...
    async def invoke_tool(self, name: str, arguments: str) -> str:
        """Return the output, or the failure's code."""
        ...


class RealBridge:
    """The server's own API over rooms and models in memory."""

    def __init__(self, api: Api) -> None:
        self.target = api.address
        self._api = api
        self._humans: dict[str, FakeHuman] = {}
        self._items = 0

    async def caller_joins(self, created: pb.CreateRoomResponse) -> None:
        human = self._api.world.livekit.enter(created.access_token)
        self._humans[created.connection_id] = human
        await settle()
        human.publish()
        await settle()

    async def caller_says(self, connection_id: str, text: str) -> None:  # noqa: ARG002 - the newest call's
        self._items += 1
        item_id = f"said_{self._items}"
        session = self._api.world.models.sessions[-1]
        session.push(SpeechStarted(item_id, 0))
        await self.pass_time(1)
        session.push(SpeechStopped(item_id, 900), UserTextDone(item_id, text, None))
        await settle()

    async def agent_says(self, connection_id: str, text: str) -> None:  # noqa: ARG002 - as above
        self._api.world.models.sessions[-1].answer(text=text)
        await self.pass_time(3)

    async def caller_leaves(self, connection_id: str) -> None:
        self._humans[connection_id].leave()
        await self.pass_time(10)

    async def pass_time(self, seconds: float) -> None:
        await settle()
        await self._api.world.clock.advance(seconds)

    async def add_room(self, room_name: str) -> None:
        await self._api.world.rooms.create_foreign(RoomName(room_name))

    async def invoke_tool(self, name: str, arguments: str) -> str:
        deadline = self._api.world.clock.now() + timedelta(seconds=10)
        invocation = ToolInvocation(
            ToolCallId("call_1"),
            ConnectionId("call-1"),
            TenantId(""),
            AgentId("greeter"),
            name,
            arguments,
            deadline,
        )
        outcome = await self._api.tool_servers.execute(invocation)
        return outcome.code if isinstance(outcome, ToolFailure) else outcome.output


class Scripted:
    """The one that we ship."""

    def __init__(self, bridge: ScriptedBridge, clock: FakeClock) -> None:
        self.target = bridge.target
        self._bridge = bridge
        self._clock = clock

    async def caller_joins(self, created: pb.CreateRoomResponse) -> None:
        await self._bridge.play(created.connection_id, CallerJoins())

    async def caller_says(self, connection_id: str, text: str) -> None:
        await self._bridge.play(connection_id, CallerSays(text))

    async def agent_says(self, connection_id: str, text: str) -> None:
        await self._bridge.play(connection_id, AgentSays(text))

    async def caller_leaves(self, connection_id: str) -> None:
        await self._bridge.play(connection_id, CallerLeaves())

    async def pass_time(self, seconds: float) -> None:
        await self._clock.advance(seconds)

    async def add_room(self, room_name: str) -> None:
        self._bridge.add_foreign_room(room_name)

    async def invoke_tool(self, name: str, arguments: str) -> str:
        invocation = tool_service_pb2.ToolInvocation(
            tool_call_id="call_1",
            connection_id="call-1",
            agent_id="greeter",
            name=name,
            arguments_json=arguments,
        )
        result = await self._bridge.invoke_tool(invocation)
        return result.error.code or result.output_json


@asynccontextmanager
async def _bridge(kind: str) -> AsyncIterator[Bridge]:
    if kind == "real":
        inspection = Inspection(lambda: {"front": OwnProcess()}, lambda _: None)
        async with serving(slots=SLOTS, inspection=inspection) as api:
            yield RealBridge(api)
    else:
        clock = FakeClock()
        async with ScriptedBridge(agents=(PATIENT, GREETER), slots=SLOTS, clock=clock) as scripted:
            yield Scripted(scripted, clock)


@pytest.fixture(params=["scripted", "real"])
async def bridge(request: pytest.FixtureRequest) -> AsyncIterator[Bridge]:
    async with _bridge(request.param) as running:
        yield running


@pytest.fixture
async def client(bridge: Bridge) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(bridge.target) as connected:
        yield connected


async def told(
    client: BridgeClient, connection_id: str, after: int = 0
) -> list[event_pb2.CallEvent]:
    """Return the events of a call that has ended."""
    return [event async for event in client.watch(connection_id, after)]


def shape(event: event_pb2.CallEvent) -> str:
    """Return what an event is, without its details."""
    kind = event.WhichOneof("kind") or ""
    match kind:
        case "state_changed":
            return call_pb2.CallState.Name(event.state_changed.state)
        case "agent_state_changed":
            return call_pb2.AgentState.Name(event.agent_state_changed.state)
        case "participant_changed":
            return event_pb2.ParticipantChange.Name(event.participant_changed.change)
        case "media_state_changed" | "model_state_changed":
            return f"{kind} {event_pb2.LinkState.Name(getattr(event, kind).state)}"
        case "transcript":
            role = event_pb2.TranscriptRole.Name(event.transcript.role)
            return f"{role} {event.transcript.text}"
        case "user_speech":
            return f"user_speech {event.user_speech.speaking}"
        case _:
            return kind


async def test_a_call_tells_of_the_same_things_in_the_same_order(
    bridge: Bridge, client: BridgeClient
) -> None:
    created = await client.create_room("Ada", "greeter")
    await settle()
    await bridge.caller_joins(created)
    await bridge.caller_says(created.connection_id, "What time is it?")
    await bridge.agent_says(created.connection_id, "Noon.")
    await client.end_call(created.connection_id)
    events = await told(client, created.connection_id)
    assert [shape(event) for event in events] == [
        "CALL_STATE_CREATED",
        "media_state_changed LINK_STATE_CONNECTING",
        "media_state_changed LINK_STATE_READY",
        "CALL_STATE_WAITING",
        "model_state_changed LINK_STATE_CONNECTING",
        "model_state_changed LINK_STATE_READY",
        "PARTICIPANT_CHANGE_JOINED",
        "CALL_STATE_ACTIVE",
        "AGENT_STATE_LISTENING",
        "PARTICIPANT_CHANGE_MICROPHONE_ON",
        "user_speech True",
        "user_speech False",
        "AGENT_STATE_THINKING",
        "TRANSCRIPT_ROLE_USER What time is it?",
        "response_started",
        "response_finished",
        "turn_measured",
        "AGENT_STATE_SPEAKING",
        "TRANSCRIPT_ROLE_AGENT Noon.",
        "AGENT_STATE_LISTENING",
        "CALL_STATE_ENDING",
        "CALL_STATE_ENDED",
        "ended",
    ]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert {event.connection_id for event in events} == {created.connection_id}
    assert all(event.HasField("time") and event.HasField("call_offset") for event in events)
    report = events[-1].ended.report
    assert report.complete
    assert [(turn.index, turn.user_text, turn.agent_text) for turn in report.turns] == [
        (1, "What time is it?", "Noon.")
    ]
    assert report.call.last_sequence == len(events)
    assert [one.name for one in report.call.participants] == ["Ada"]
    assert await client.report(created.connection_id) == report


async def test_a_new_call_says_what_it_was_asked_for(client: BridgeClient) -> None:
    created = await client.create_room(
        "Ada", "greeter", metadata={"order": "7"}, request_id="r1", room_name="kitchen"
    )
    assert (created.status, created.room_name) == ("created", "kitchen")
    assert created.capacity_remaining == SLOTS - 1
    assert created.access_token
    assert created.server_url.startswith("ws://")
    assert created.participant_id.startswith("caller-")
    call = created.call
    assert (call.connection_id, call.agent_id) == (created.connection_id, "greeter")
    assert (call.voice_language, call.request_id) == ("en", "r1")
    assert dict(call.metadata) == {"order": "7"}
    assert call.foreign_room is False
    status = await client.status(created.connection_id)
    assert (status.is_active, status.participant_id) == (True, created.participant_id)
    assert status.call.connection_id == created.connection_id


async def test_a_caller_who_leaves_ends_the_call(bridge: Bridge, client: BridgeClient) -> None:
    created = await client.create_room("Ada", "greeter")
    await settle()
    await bridge.caller_joins(created)
    await bridge.caller_leaves(created.connection_id)
    events = await told(client, created.connection_id)
    call = events[-1].ended.report.call
    assert call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
    assert call.end_fault == call_pb2.END_FAULT_NONE
    shapes = [shape(event) for event in events]
    assert shapes.index("PARTICIPANT_CHANGE_LEFT") < shapes.index("CALL_STATE_ENDING")
    assert (await client.end_call(created.connection_id)).already_ended


async def test_a_watch_goes_on_where_it_stopped_and_ends_no_call(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "greeter")
    await settle()
    async with aclosing(client.watch(created.connection_id)) as events:
        first = [await anext(events) for _ in range(3)]
    assert (await client.status(created.connection_id)).is_active
    await client.end_call(created.connection_id)
    rest = await told(client, created.connection_id, after=first[-1].sequence)
    assert [event.sequence for event in first + rest] == list(range(1, len(rest) + 4))
    assert rest[-1].HasField("ended")
    assert await told(client, created.connection_id, after=rest[-1].sequence) == []


async def test_a_call_ends_once(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "greeter")
    ended = await client.end_call(created.connection_id)
    assert (ended.status, ended.message, ended.already_ended) == (
        "success",
        "Call ended successfully",
        False,
    )
    again = await client.end_call(created.connection_id)
    assert (again.status, again.message, again.already_ended) == (
        "success",
        "Call had already ended",
        True,
    )
    assert again.call.state == call_pb2.CALL_STATE_ENDED
    assert again.call.end_reason == call_pb2.END_REASON_API_ENDED
    status = await client.status(created.connection_id)
    assert (status.is_active, status.is_ai_ready) == (False, False)


async def test_nothing_is_left_of_a_call_whose_data_is_deleted(client: BridgeClient) -> None:
    created, other = (
        await client.create_room("Ada", "greeter", request_id="once"),
        await client.create_room("Bob", "greeter"),
    )
    with pytest.raises(FailedPreconditionError) as refused:
        await client.delete_call_data(created.connection_id)
    assert refused.value.reason == "CALL_NOT_ENDED"
    await client.end_call(created.connection_id)
    events = await told(client, created.connection_id)
    totals = await client.stats()
    assert totals.store.taking
    deleted = await client.delete_call_data(created.connection_id)
    assert (deleted.connection_id, deleted.events_deleted) == (created.connection_id, len(events))
    assert deleted.report_deleted
    assert (deleted.recordings_deleted, list(deleted.recordings_left)) == (0, [])
    for ask in (
        lambda: client.status(created.connection_id),
        lambda: client.report(created.connection_id),
        lambda: client.end_call(created.connection_id),
        lambda: anext(client.watch(created.connection_id)),
        lambda: client.delete_call_data(created.connection_id),
    ):
        with pytest.raises(NotFoundError) as gone:
            await ask()
        assert gone.value.reason == "CALL_NOT_FOUND"
    assert [one.connection_id async for one in client.list_calls()] == [other.connection_id]
    counted = await client.stats()
    assert (counted.calls_created, counted.calls_ended) == (2, totals.calls_ended)
    with pytest.raises(FailedPreconditionError):
        await client.create_room("Ada", "greeter", request_id="once")


async def test_a_call_that_never_was_is_not_found(client: BridgeClient) -> None:
    command = pb.ControlCallRequest(connection_id="call-0", interrupt=pb.Interrupt())
    for ask in (
        lambda: client.end_call("call-0"),
        lambda: client.status("call-0"),
        lambda: client.report("call-0"),
        lambda: client.delete_call_data("call-0"),
        lambda: client.control(command),
        lambda: anext(client.watch("call-0")),
        lambda: anext(client.telemetry("call-0")),
    ):
        with pytest.raises(NotFoundError) as refused:
            await ask()
        assert (refused.value.reason, refused.value.domain) == ("CALL_NOT_FOUND", "mediabridge")
        assert refused.value.metadata == {"connection_id": "call-0"}


async def test_what_is_missing_is_said_field_by_field(client: BridgeClient) -> None:
    empty = pb.ControlCallRequest()
    for ask, fields in (
        (lambda: client.create_room("", ""), {"agent_id", "participant_name"}),
        (lambda: client.join_room("  ", ""), {"room_name", "participant_name"}),
        (lambda: client.end_call(""), {"connection_id"}),
        (lambda: client.status(""), {"connection_id"}),
        (lambda: client.control(empty), {"connection_id", "command"}),
        (lambda: client.create_model_token(""), {"agent_id"}),
    ):
        with pytest.raises(InvalidArgumentError) as refused:
            await ask()
        assert refused.value.reason == "INVALID_REQUEST"
        assert {violation.field for violation in refused.value.violations} == fields


async def test_an_agent_that_is_not_there_is_not_found(client: BridgeClient) -> None:
    for ask in (
        lambda: client.create_room("Ada", "nobody"),
        lambda: client.create_model_token("nobody"),
    ):
        with pytest.raises(NotFoundError) as refused:
            await ask()
        assert refused.value.reason == "AGENT_NOT_FOUND"
        assert refused.value.metadata == {"agent_id": "nobody"}


async def test_a_retry_gets_the_same_call_and_a_fresh_token(client: BridgeClient) -> None:
    first = await client.create_room("Ada", "greeter", request_id="r1")
    again = await client.create_room("Ada", "greeter", request_id="r1")
    assert again.connection_id == first.connection_id
    assert again.participant_id == first.participant_id
    with pytest.raises(AlreadyExistsError) as reused:
        await client.create_room("Bob", "greeter", request_id="r1")
    assert reused.value.reason == "REQUEST_ID_REUSED"
    await client.end_call(first.connection_id)
    with pytest.raises(FailedPreconditionError) as over:
        await client.create_room("Ada", "greeter", request_id="r1")
    assert over.value.reason == "CALL_ENDED"


async def test_a_full_bridge_says_when_to_come_back(client: BridgeClient) -> None:
    *_, last = [await client.create_room("Ada", "greeter") for _ in range(SLOTS)]
    assert last.capacity_remaining == 0
    with pytest.raises(ResourceExhaustedError) as full:
        await client.create_room("Ada", "greeter")
    assert (full.value.reason, full.value.metadata) == ("NO_FREE_SLOT", {"limit": "slots"})
    assert full.value.retry_after == timedelta(seconds=5)
    await client.end_call(last.connection_id)
    await settle()
    assert (await client.create_room("Ada", "greeter")).connection_id
    stats = await client.stats()
    assert (stats.calls_created, stats.calls_refused) == (SLOTS + 1, 1)
    assert (stats.slots_total, stats.slots_free) == (SLOTS, 0)
    assert (stats.active_rooms, stats.active_connections) == (SLOTS, SLOTS)
    assert dict(stats.calls_ended) == {"END_REASON_API_ENDED": 1}
    assert stats.draining is False


async def test_another_human_joins_the_rooms_call(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "greeter")
    joined = await client.join_room("Bob", created.room_name)
    assert (joined.status, joined.connection_id) == ("joined", created.connection_id)
    assert joined.participant_id not in ("", created.participant_id)
    with pytest.raises(FailedPreconditionError) as other:
        await client.join_room("Bob", created.room_name, "patient")
    assert other.value.reason == "OTHER_AGENT"
    with pytest.raises(InvalidArgumentError) as settled:
        await client.join_room(
            "Bob", created.room_name, metadata={"k": "v"}, agent=AgentOverrides(voice="marin")
        )
    assert {violation.field for violation in settled.value.violations} == {"metadata", "agent"}
    await client.end_call(created.connection_id)
    with pytest.raises(InvalidArgumentError) as over:
        await client.join_room("Bob", created.room_name)
    assert [violation.field for violation in over.value.violations] == ["agent_id"]


async def test_a_room_of_livekits_own_gets_an_agent(bridge: Bridge, client: BridgeClient) -> None:
    with pytest.raises(NotFoundError) as missing:
        await client.join_room("Ada", "lobby", "greeter")
    assert missing.value.reason == "ROOM_NOT_FOUND"
    await bridge.add_room("lobby")
    with pytest.raises(InvalidArgumentError) as nameless:
        await client.join_room("Ada", "lobby")
    assert [violation.field for violation in nameless.value.violations] == ["agent_id"]
    with pytest.raises(AlreadyExistsError) as taken:
        await client.create_room("Ada", "greeter", room_name="lobby")
    assert taken.value.reason == "ROOM_TAKEN"
    joined, again = [
        await client.join_room("Ada", "lobby", "greeter", metadata={"k": "v"}, request_id="r1")
        for _ in range(2)
    ]
    assert again.connection_id == joined.connection_id
    assert (joined.status, joined.room_name) == ("joined", "lobby")
    assert joined.call.foreign_room
    assert dict(joined.call.metadata) == {"k": "v"}


async def test_calls_are_listed_newest_first_page_by_page_and_by_filters(
    bridge: Bridge, client: BridgeClient
) -> None:
    ids = []
    for agent, team in (("greeter", "red"), ("patient", "red"), ("greeter", "blue")):
        made = await client.create_room("Ada", agent, metadata={"team": team})
        ids.append(made.connection_id)
        await bridge.pass_time(1)

    async def listed(**filters: object) -> list[str]:
        found = client.list_calls(page_size=1, **filters)  # type: ignore[arg-type]
        return [call.connection_id async for call in found]

    assert await listed() == ids[::-1]
    assert await listed(agent_id="greeter") == [ids[2], ids[0]]
    assert await listed(metadata={"team": "red"}) == [ids[1], ids[0]]
    assert await listed(tenant_id="acme") == []
    await client.end_call(ids[0])
    assert await listed(states=[call_pb2.CALL_STATE_ENDED]) == [ids[0]]


async def test_agents_are_listed_by_their_ids(client: BridgeClient) -> None:
    assert list(await client.list_agents()) == [GREETER, PATIENT]


async def test_a_command_is_carried_out_once_and_watchers_are_told(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "greeter")
    await settle()
    command = pb.ControlCallRequest(
        connection_id=created.connection_id,
        command_id="c1",
        set_metadata=pb.SetMetadata(metadata={"mood": "good"}),
    )
    for _ in range(2):
        outcome = await client.control(command)
        assert outcome.outcome == pb.CONTROL_OUTCOME_APPLIED
        assert (outcome.command_id, outcome.connection_id) == ("c1", created.connection_id)
    assert dict((await client.status(created.connection_id)).call.metadata) == {"mood": "good"}
    softly = pb.ControlCallRequest(connection_id=created.connection_id, end_softly=pb.EndSoftly())
    assert (await client.control(softly)).command_id
    events = await told(client, created.connection_id)
    commands = [e.control_applied.command for e in events if e.HasField("control_applied")]
    assert commands == ["SetMetadata", "EndSoftly"]
    assert events[-1].ended.report.call.end_reason == call_pb2.END_REASON_API_ENDED
    with pytest.raises(FailedPreconditionError) as over:
        await client.control(command)
    assert over.value.reason == "CALL_ENDED"


async def test_figures_of_a_call_come_each_interval_and_last_at_its_end(
    bridge: Bridge, client: BridgeClient
) -> None:
    created = await client.create_room("Ada", "greeter")
    figures = client.telemetry(created.connection_id, interval=timedelta(seconds=1))
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(anext(figures))
        while not reading.done():
            await bridge.pass_time(0.25)
            await asyncio.sleep(0.001)  # the request takes its way through a socket
    (sample,) = reading.result().samples
    assert sample.connection_id == created.connection_id
    assert sample.state == call_pb2.CALL_STATE_WAITING
    assert sample.uplink.level_dbfs == -127
    await client.end_call(created.connection_id)
    rest = [answer async for answer in figures]
    assert rest[-1].samples[0].state == call_pb2.CALL_STATE_ENDED
    with pytest.raises(NotFoundError) as over:
        await anext(client.telemetry(created.connection_id))
    assert over.value.reason == "CALL_NOT_FOUND"


async def test_a_tool_is_executed_by_who_has_registered_for_it(
    bridge: Bridge, client: BridgeClient
) -> None:
    async def find_order(arguments: dict[str, object]) -> object:
        return {"number": arguments["number"], "shipped": True}

    assert await bridge.invoke_tool("find_order", "{}") == "no_tool_server"
    async with client.serve_tools({"find_order": find_order}, agent_ids=["greeter"]):
        said = await bridge.invoke_tool("find_order", '{"number": 7}')
        assert said == '{"number":7,"shipped":true}'
        assert await bridge.invoke_tool("cancel_order", "{}") == "no_tool_server"
        assert await bridge.invoke_tool("find_order", "{}") == "tool_failed"
    await settle()
    assert await bridge.invoke_tool("find_order", "{}") == "no_tool_server"


async def test_what_a_lost_tool_server_had_under_way_has_failed(bridge: Bridge) -> None:
    async with grpc.aio.insecure_channel(bridge.target) as channel:
        stream: Any = ToolServiceStub(channel).ServeTools()
        registration = tool_service_pb2.ToolRegistration(tool_names=["find_order"])
        await stream.write(tool_service_pb2.ServeToolsRequest(register=registration))
        assert (await stream.read()).registered.tool_server_id
        async with asyncio.TaskGroup() as tasks:
            invoking = tasks.create_task(bridge.invoke_tool("find_order", "{}"))
            assert (await stream.read()).invocation.name == "find_order"
            stream.cancel()
        assert invoking.result() == "tool_server_lost"


async def test_a_tool_server_that_does_not_register_is_refused(bridge: Bridge) -> None:
    async with grpc.aio.insecure_channel(bridge.target) as channel:
        stream = ToolServiceStub(channel).ServeTools()
        await stream.write(tool_service_pb2.ServeToolsRequest(leave=tool_service_pb2.ToolLeave()))
        with pytest.raises(BridgeCallError) as refused, raised_as_ours():
            await stream.read()
    assert isinstance(refused.value, InvalidArgumentError)
    assert [violation.field for violation in refused.value.violations] == ["register"]


async def test_a_key_for_the_model_is_handed_out(client: BridgeClient) -> None:
    key = await client.create_model_token("greeter", ttl=timedelta(seconds=30))
    assert key.value
    assert key.model
    assert key.model_url.startswith("wss://")


async def test_whoever_runs_the_server_looks_inside(client: BridgeClient) -> None:
    processes = (await client.dump_tasks()).processes
    assert "front" in [process.name for process in processes]
    with pytest.raises(InvalidArgumentError) as refused:
        await client.set_log_level(admin_service_pb2.LOG_LEVEL_UNSPECIFIED)
    assert [violation.field for violation in refused.value.violations] == ["level"]
    first = await client.set_log_level(admin_service_pb2.LOG_LEVEL_WARNING)
    again = await client.set_log_level(first.previous)
    assert again.previous == admin_service_pb2.LOG_LEVEL_WARNING
