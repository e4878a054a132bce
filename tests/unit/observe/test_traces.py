"""A call as a trace: connected, within its asker's, and without a word of what was said."""

from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.messages import events as messages
from bridge.observe.call_traces import CallTracer
from bridge.observe.rpc_traces import RpcTracer
from bridge.ports.call import Ending, EndReason
from bridge.ports.model_event import FunctionCall
from bridge.ports.tool import ToolCallId
from bridge.v1 import call_service_pb2 as pb
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.api.rig import refused, serving
from tests.unit.calls.rig import World, carrying
from tests.unit.observe.test_call_metrics import answered

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
ASKER = 0xB7AD6B7169203331
TRACEPARENT = ("traceparent", f"00-{TRACE:032x}-{ASKER:016x}-01")
ASKED = pb.CreateRoomRequest(agent_id="greeter", participant_name="Ada")


class Traced:
    """A tracer, and the spans that it has told of."""

    def __init__(self) -> None:
        self._told = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._told))
        self.tracer = provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._told.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def parent(self, span: ReadableSpan) -> str:
        """Return the name of what a span is within."""
        assert span.parent is not None
        names = {_id(one): one.name for one in self.spans}
        return names.get(span.parent.span_id, "")


@pytest.fixture
def traced() -> Traced:
    return Traced()


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


async def a_call(world: World, tell: Callable[[], CallTracer]) -> None:
    """Let a call of two turns and one tool pass, and tell of it what its watchers are told."""
    async with carrying(world) as call:
        await call.pass_time(1.0)
        await call.join()
        await answered(call, 0.5, "r1")
        call.session.push(
            FunctionCall("r1", "i-tool", ToolCallId("call-9"), "secret_tool", '{"a": "secret"}')
        )
        await settle()
        await answered(call, 0.25, "r2")
        call.call.end(Ending(EndReason.MODEL_LOST, "secret detail"))
        await call.pass_time(1.0)
        await call.assert_ended(EndReason.MODEL_LOST)
    calls = tell()
    for event in call.told:
        calls.on_event(messages.event(event))


async def test_a_call_s_spans_are_one_tree_below_who_asked_for_it(
    world: World, traced: Traced
) -> None:
    def asked() -> CallTracer:
        calls = CallTracer(traced.tracer)
        with traced.tracer.start_as_current_span("asked"):
            calls.call_begins(SPEC.connection_id)
        return calls

    await a_call(world, asked)
    (root,) = traced.named("call")
    assert traced.parent(root) == "asked"
    assert {traced.parent(one) for one in traced.spans if one.parent is not None} <= {
        *("asked", "call", "turn")
    }
    assert len({one.get_span_context().trace_id for one in traced.spans}) == 1  # type: ignore[union-attr]
    assert [traced.parent(one) for one in traced.named("turn")] == ["call", "call"]
    assert [traced.parent(one) for one in traced.named("response")] == ["turn", "turn"]
    for once in ("media.connect", "model.connect", "media.session", "model.session", "end"):
        (span,) = traced.named(once)
        assert traced.parent(span) == "call"
    (tool,) = traced.named("tool")
    assert not tool.status.is_ok
    assert root.attributes is not None
    assert root.attributes["mediabridge.end_reason"] == "model_lost"
    assert root.attributes["mediabridge.end_fault"] == "model"
    assert not root.status.is_ok


async def test_turns_are_as_long_as_they_were_and_say_where_the_time_went(
    world: World, traced: Traced
) -> None:
    calls = CallTracer(traced.tracer)
    calls.call_begins(SPEC.connection_id)
    await a_call(world, lambda: calls)
    first, second = traced.named("turn")
    # A second of speech, the wait, half a second of answer.
    assert seconds(first) == pytest.approx(2.0, abs=0.3)
    assert seconds(second) == pytest.approx(1.75, abs=0.3)
    assert first.attributes is not None
    assert second.attributes is not None
    assert first.attributes["mediabridge.latency_s"] > second.attributes["mediabridge.latency_s"]  # type: ignore[operator]
    assert "mediabridge.latency.model_s" in first.attributes


async def test_nothing_that_was_said_or_asked_for_is_in_a_trace(
    world: World, traced: Traced
) -> None:
    calls = CallTracer(traced.tracer)
    calls.call_begins(SPEC.connection_id)
    await a_call(world, lambda: calls)
    told = "".join(span.to_json() for span in traced.spans)
    assert SPEC.connection_id in told
    for secret in ("secret", SPEC.caller_name, SPEC.caller_identity, SPEC.room_name):
        assert secret not in told


async def test_events_that_are_told_again_make_no_second_span(world: World, traced: Traced) -> None:
    calls = CallTracer(traced.tracer)
    calls.call_begins(SPEC.connection_id)
    async with carrying(world) as call:
        await call.join()
        await answered(call, 0.5, "r1")
        told = [messages.event(event) for event in call.told]
    for event in told:
        calls.on_event(event)
        calls.on_event(event)
    ended = messages.event(world.events.taken[-1])
    for event in (*told, ended, ended):
        calls.on_event(event)
    assert len(traced.named("call")) == len(traced.named("turn")) == 1
    assert len(traced.named("model.connect")) == 1


async def test_a_call_whose_beginning_nobody_saw_is_not_traced(
    world: World, traced: Traced
) -> None:
    await a_call(world, lambda: CallTracer(traced.tracer))
    assert traced.spans == []


async def test_an_rpc_goes_on_with_its_asker_s_trace(traced: Traced) -> None:
    calls = CallTracer(traced.tracer)
    async with serving(
        observer=RpcTracer(traced.tracer).observing, begins=calls.call_begins
    ) as api:
        created = await api.calls.CreateRoom(ASKED, metadata=(TRACEPARENT,))
        await api.calls.EndCall(pb.EndCallRequest(connection_id=created.connection_id))
        for event in api.world.events.taken:
            calls.on_event(messages.event(event))
    (rpc,) = traced.named("bridge.v1.CallService/CreateRoom")
    assert rpc.parent is not None
    assert (rpc.parent.trace_id, rpc.parent.span_id) == (TRACE, ASKER)
    assert rpc.kind is trace.SpanKind.SERVER
    (call,) = traced.named("call")
    assert traced.parent(call) == "bridge.v1.CallService/CreateRoom"
    # Nobody asked for EndCall to be traced.
    assert not traced.named("bridge.v1.CallService/EndCall")


async def test_a_call_that_nobody_traces_begins_a_trace_of_its_own(traced: Traced) -> None:
    async with serving(slots=1, observer=RpcTracer(traced.tracer).observing) as api:
        await api.calls.CreateRoom(ASKED, metadata=(("traceparent", "garbage"),))
        await refused(api.calls.CreateRoom(ASKED))
    made, full = traced.named("bridge.v1.CallService/CreateRoom")
    assert made.parent is None
    assert full.attributes is not None
    assert full.attributes["rpc.grpc.status_code_name"] == "RESOURCE_EXHAUSTED"
    assert full.attributes["mediabridge.reason"] == "NO_FREE_SLOT"
