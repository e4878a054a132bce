"""Does a scripted bridge do as a test says, and nothing else?"""

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest

from bridge.client import (
    Backoff,
    BridgeClient,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    ToolError,
    UnauthenticatedError,
    UnavailableError,
)
from bridge.testing import (
    AgentSays,
    CallEnds,
    CallerJoins,
    CallerLeaves,
    CallerSays,
    Exhausted,
    Happens,
    Hold,
    ModelCallsTool,
    ScriptedBridge,
    Unavailable,
)
from bridge.testing.answers import behaviour_of
from bridge.testing.front import Front
from bridge.testing.services import METHODS
from bridge.v1 import call_pb2, event_pb2, report_pb2
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import telemetry_service_pb2 as telemetry_pb

AT_ONCE = Backoff(first_s=0.0, longest_s=0.0, attempts=3)
FULL = Exhausted("NO_FREE_SLOT", "every slot is taken", 7)
CLERK = pb.AgentSummary(
    agent_id="clerk", name="Cleo", languages=["de", "en"], default_language="de"
)
WARNING = event_pb2.CallEvent(warning=event_pb2.Warning(code="not_said", message="too late"))


async def texts(client: BridgeClient, connection_id: str) -> list[str]:
    """Return all that is said in a call, which must end."""
    return [
        event.transcript.text
        async for event in client.watch(connection_id)
        if event.HasField("transcript")
    ]


async def test_each_call_plays_its_script_and_the_next_one_may_have_its_own() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(CallerJoins(), AgentSays("Hello."), CallerLeaves())
        bridge.next_call(CallerJoins(), AgentSays("You again?"), CallerLeaves())
        first = await client.create_room("Ada", "greeter")
        second = await client.create_room("Ada", "greeter")
        assert await texts(client, first.connection_id) == ["You again?"]
        assert await texts(client, second.connection_id) == ["Hello."]


async def test_an_agent_may_have_a_script_of_its_own() -> None:
    async with (
        ScriptedBridge(agents=(CLERK, pb.AgentSummary(agent_id="greeter"))) as bridge,
        BridgeClient(bridge.target) as client,
    ):
        bridge.each_call(CallerJoins(), CallerLeaves())
        bridge.each_call(CallerJoins(), AgentSays("Guten Tag."), CallerLeaves(), agent_id="clerk")
        created = await client.create_room("Ada", "clerk")
        assert created.call.voice_language == "de"
        assert await texts(client, created.connection_id) == ["Guten Tag."]


async def test_an_agent_speaks_what_the_test_says_and_nothing_else() -> None:
    async with ScriptedBridge(agents=(CLERK,)) as bridge, BridgeClient(bridge.target) as client:
        spoken = await client.create_room("Ada", "clerk", voice_language="en")
        assert spoken.call.voice_language == "en"
        with pytest.raises(InvalidArgumentError, match="voice_language"):
            await client.create_room("Ada", "clerk", voice_language="fr")


async def test_what_is_interrupted_ends_where_it_was_heard_to() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(CallerJoins(), AgentSays("Hello, this is Ava.", heard="Hello, this"))
        created = await client.create_room("Ada", "greeter")
        await client.end_call(created.connection_id)
        events = [event async for event in client.watch(created.connection_id)]
        (cut,) = [event.interruption for event in events if event.HasField("interruption")]
        assert cut.heard_text == "Hello, this"
        (turn,) = events[-1].ended.report.turns
        assert (turn.agent_text, turn.interrupted) == ("Hello, this", True)


async def test_a_script_waits_until_it_is_let_go_on() -> None:
    hold = Hold()
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(CallerJoins(), hold, CallerSays("Late."), CallerLeaves())
        created = await client.create_room("Ada", "greeter")
        async with aclosing(client.watch(created.connection_id)) as events:
            async for event in events:
                assert not event.HasField("user_speech")
                if event.participant_changed.participant.microphone_on:
                    break
        hold.release()
        assert await texts(client, created.connection_id) == ["Late."]


async def test_a_held_script_does_not_outlive_its_bridge() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(Hold())
        await client.create_room("Ada", "greeter")


async def test_any_event_may_happen_and_a_call_may_end_in_any_way() -> None:
    lost = CallEnds(call_pb2.END_REASON_MODEL_LOST, call_pb2.END_FAULT_MODEL, "it hung up")
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(Happens(WARNING), lost, AgentSays("Never said."))
        created = await client.create_room("Ada", "greeter")
        events = [event async for event in client.watch(created.connection_id)]
        (warning,) = [event for event in events if event.HasField("warning")]
        assert (warning.warning, warning.connection_id) == (WARNING.warning, created.connection_id)
        call = events[-1].ended.report.call
        assert (call.end_reason, call.end_fault, call.end_detail) == (
            call_pb2.END_REASON_MODEL_LOST,
            call_pb2.END_FAULT_MODEL,
            "it hung up",
        )
        assert not any(event.HasField("transcript") for event in events)


async def test_a_method_is_refused_as_often_as_the_test_says() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.refuse("CreateRoom", FULL, times=2)
        for _ in range(2):
            with pytest.raises(ResourceExhaustedError) as refused:
                await client.create_room("Ada", "greeter")
            assert refused.value.reason == "NO_FREE_SLOT"
            assert refused.value.retry_after == timedelta(seconds=7)
        assert (await client.create_room("Ada", "greeter")).status == "created"
        assert len(bridge.calls) == 1


async def test_answers_may_be_given_word_by_word() -> None:
    figures = telemetry_pb.StreamTelemetryResponse()
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.answer("GetStats", telemetry_pb.GetStatsResponse(slots_total=7))
        bridge.answer("StreamTelemetry", figures, figures)
        assert (await client.stats()).slots_total == 7
        assert (await client.stats()).slots_total == 100
        assert [one async for one in client.telemetry()] == [figures, figures]


async def test_a_script_that_makes_no_sense_is_said_so_where_it_is_written() -> None:
    async with ScriptedBridge() as bridge:
        with pytest.raises(ValueError, match="no RPC 'HangUp'"):
            bridge.refuse("HangUp", FULL)
        with pytest.raises(ValueError, match="GetStatsResponse"):
            bridge.answer("GetStats", pb.EndCallResponse())
        with pytest.raises(ValueError, match="exactly once"):
            bridge.answer("GetStats")


async def test_a_broken_watch_is_taken_up_without_a_gap() -> None:
    async with (
        ScriptedBridge() as bridge,
        BridgeClient(bridge.target, backoff=AT_ONCE) as client,
    ):
        created = await client.create_room("Ada", "greeter")
        async with aclosing(client.watch(created.connection_id)) as events:
            seen = [await anext(events)]
            bridge.break_watches()
            await bridge.play(created.connection_id, CallerJoins(), CallerLeaves())
            seen += [event async for event in events]
        assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
        asked = [one for one in bridge.requests if isinstance(one, pb.WatchEventsRequest)]
        assert len(asked) == 2
        assert asked[1].after_sequence > 0


async def test_a_bridge_that_stays_away_is_told_of_in_the_end() -> None:
    away = Unavailable("SERVER_DRAINING", "the server is draining", 0.0)
    async with (
        ScriptedBridge() as bridge,
        BridgeClient(bridge.target, backoff=AT_ONCE) as client,
    ):
        created = await client.create_room("Ada", "greeter")
        bridge.refuse("WatchEvents", away, times=4)
        with pytest.raises(UnavailableError):
            await anext(client.watch(created.connection_id))


async def test_a_tool_that_the_model_calls_is_run_by_who_serves_it() -> None:
    async def find_order(arguments: dict[str, object]) -> object:
        if arguments["number"] == 7:
            return {"shipped": True}
        raise ToolError("order_not_found", "There is no such order.")

    script = (
        CallerJoins(),
        ModelCallsTool("find_order", {"number": 7}),
        ModelCallsTool("find_order", {"number": 8}),
        ModelCallsTool("fly"),
        CallerLeaves(),
    )
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(*script)
        async with client.serve_tools({"find_order": find_order}, agent_ids=["greeter"]):
            assert [list(one.agent_ids) for one in bridge.tool_servers] == [["greeter"]]
            created = await client.create_room("Ada", "greeter")
            events = [event async for event in client.watch(created.connection_id)]
        assert bridge.tool_servers == ()
    finished = [event.tool_finished for event in events if event.HasField("tool_finished")]
    assert [(one.status, one.code) for one in finished] == [
        (report_pb2.TOOL_STATUS_SUCCEEDED, ""),
        (report_pb2.TOOL_STATUS_FAILED, "order_not_found"),
        (report_pb2.TOOL_STATUS_FAILED, "no_tool_server"),
    ]
    report = events[-1].ended.report
    assert (report.tools.succeeded, report.tools.failed) == (1, 2)


async def test_a_tool_that_takes_too_long_is_given_up() -> None:
    cancelled = asyncio.Event()

    async def ponder(_arguments: dict[str, object]) -> object:
        try:
            return await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        bridge.each_call(ModelCallsTool("ponder", timeout_s=0.01), CallerLeaves())
        async with client.serve_tools({"ponder": ponder}):
            created = await client.create_room("Ada", "greeter")
            events = [event async for event in client.watch(created.connection_id)]
            await cancelled.wait()
    (finished,) = [event.tool_finished for event in events if event.HasField("tool_finished")]
    assert finished.status == report_pb2.TOOL_STATUS_TIMED_OUT


async def test_words_of_a_gateway_are_heard_and_commands_are_kept() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        created = await client.create_room("Ada", "greeter")
        say = pb.ControlCallRequest(
            connection_id=created.connection_id, command_id="hold-1", say=pb.Say(text="One moment.")
        )
        await client.control(say)
        goodbye = pb.ControlCallRequest(
            connection_id=created.connection_id, end_softly=pb.EndSoftly(text="Goodbye.")
        )
        await client.control(goodbye)
        assert await texts(client, created.connection_id) == ["One moment.", "Goodbye."]
        assert bridge.call(created.connection_id).commands["hold-1"] == say


async def test_whoever_does_not_show_the_key_is_refused() -> None:
    async with ScriptedBridge(api_key="sesame") as bridge:
        async with BridgeClient(bridge.target) as stranger:
            with pytest.raises(UnauthenticatedError, match="NO_CREDENTIALS"):
                await stranger.stats()
        async with BridgeClient(bridge.target, api_key="guess") as guesser:
            with pytest.raises(UnauthenticatedError, match="INVALID_CREDENTIALS"):
                await anext(guesser.watch("call-1"))
        async with BridgeClient(bridge.target, api_key="sesame") as known:
            assert (await known.stats()).slots_total
        assert bridge.metadata[-1]["authorization"] == "Bearer sesame"
        assert bridge.requests == (telemetry_pb.GetStatsRequest(),)


async def test_what_was_asked_is_kept_in_order() -> None:
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        await client.create_room("Ada", "greeter", metadata={"order": "7"})
        with pytest.raises(NotFoundError):
            await client.status("call-0")
        first, second = bridge.requests
        assert isinstance(first, pb.CreateRoomRequest)
        assert dict(first.metadata) == {"order": "7"}
        assert second == pb.GetConnectionStatusRequest(connection_id="call-0")


async def test_figures_of_all_calls_come_as_long_as_they_are_read() -> None:
    interval = timedelta(milliseconds=1)
    async with ScriptedBridge() as bridge, BridgeClient(bridge.target) as client:
        created = await client.create_room("Ada", "greeter")
        async with aclosing(client.telemetry(interval=interval)) as figures:
            rounds = [await anext(figures) for _ in range(2)]
    ids = [[sample.connection_id for sample in one.samples] for one in rounds]
    assert ids == [[created.connection_id]] * 2


async def test_a_test_that_fails_fails_by_its_own_error() -> None:
    with pytest.raises(ZeroDivisionError):
        async with ScriptedBridge():
            raise ZeroDivisionError


def test_every_method_of_the_api_is_answered() -> None:
    unary_or_stream = METHODS.keys() - {"ServeTools"}
    assert all(hasattr(Front, behaviour_of(method)) for method in unary_or_stream)
