"""How does a call look as a trace? Spans made of its events, below the request that began it.

Nothing that was said is in them: no texts, prompts, arguments, digits or names of people.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from bridge.ids import ConnectionId
from bridge.messages.times import seconds
from bridge.observe.words import word
from bridge.v1 import call_pb2, event_pb2, report_pb2

# Calls that were placed and have told nothing yet; the oldest is forgotten.
_MOST_PENDING: Final = 1024


@dataclass(slots=True)
class _TracedCall:
    """A call under way, with its spans that are."""

    span: Span
    context: Context
    last_sequence: int = 0
    open: dict[str, Span] = field(default_factory=dict)
    turn: Context | None = None
    turns: int = 0
    answered: bool = False


_Tell = Callable[[_TracedCall, event_pb2.CallEvent, int], None]


class CallTracer:
    """Makes spans of what calls tell."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._parents: OrderedDict[str, SpanContext] = OrderedDict()
        self._calls: dict[str, _TracedCall] = {}
        self._tell_of: Mapping[str, _Tell] = {
            "media_state_changed": self._media,
            "model_state_changed": self._model,
            "participant_changed": self._participant,
            "user_speech": self._user_speech,
            "response_started": self._response_started,
            "response_finished": self._response_finished,
            "turn_measured": self._turn_measured,
            "agent_state_changed": self._agent_state,
            "interruption": self._interruption,
            "tool_called": self._tool_called,
            "tool_finished": self._tool_finished,
            "warning": self._warning,
            "state_changed": self._state,
            "ended": self._ended,
        }

    def call_begins(self, connection_id: ConnectionId) -> None:
        """Put a call below the span that is current. Called in the task of whoever asks for it."""
        self._parents[connection_id] = trace.get_current_span().get_span_context()
        if len(self._parents) > _MOST_PENDING:
            self._parents.popitem(last=False)

    def on_event(self, event: event_pb2.CallEvent) -> None:
        """Take in an event. Of a call whose beginning was not seen nothing is told."""
        at_ns = event.time.ToNanoseconds()
        call = self._calls.get(event.connection_id)
        if call is None:
            if event.sequence != 1 or event.connection_id not in self._parents:
                return
            call = self._begin(event, at_ns)
        if event.sequence <= call.last_sequence:  # it is told again
            return
        call.last_sequence = event.sequence
        tell = self._tell_of.get(event.WhichOneof("kind") or "")
        if tell is not None:
            tell(call, event, at_ns)

    def _begin(self, event: event_pb2.CallEvent, at_ns: int) -> _TracedCall:
        parent = trace.NonRecordingSpan(self._parents.pop(event.connection_id))
        span = self._tracer.start_span(
            "call",
            context=trace.set_span_in_context(parent, Context()),
            start_time=at_ns,
            attributes={"mediabridge.connection_id": event.connection_id},
        )
        context = trace.set_span_in_context(span, Context())
        call = self._calls[event.connection_id] = _TracedCall(span, context)
        return call

    def _open(
        self,
        call: _TracedCall,
        name: str,
        key: str,
        at_ns: int,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        """Begin a span of a call, within its turn where there is one."""
        if key in call.open:
            return
        parent = call.turn or call.context
        call.open[key] = self._tracer.start_span(
            name, context=parent, start_time=at_ns, attributes=attributes
        )

    def _close(
        self,
        call: _TracedCall,
        key: str,
        at_ns: int,
        attributes: Mapping[str, AttributeValue] | None = None,
        failure: str = "",
    ) -> None:
        span = call.open.pop(key, None)
        if span is None:
            return
        span.set_attributes(attributes or {})
        if failure:
            span.set_status(Status(StatusCode.ERROR, failure))
        span.end(at_ns)

    def _media(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        self._link(call, "media", event.media_state_changed.state, at_ns)

    def _model(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        self._link(call, "model", event.model_state_changed.state, at_ns)

    def _link(
        self, call: _TracedCall, link: str, state: event_pb2.LinkState.ValueType, at_ns: int
    ) -> None:
        match state:
            case event_pb2.LINK_STATE_CONNECTING:
                self._open(call, f"{link}.session", f"{link}.session", at_ns)
                self._open(call, f"{link}.connect", f"{link}.connect", at_ns)
            case event_pb2.LINK_STATE_READY:
                self._close(call, f"{link}.connect", at_ns)
            case event_pb2.LINK_STATE_INTERRUPTED:
                self._open(call, f"{link}.outage", f"{link}.outage", at_ns)
            case event_pb2.LINK_STATE_RESUMED:
                self._close(call, f"{link}.outage", at_ns)
            case event_pb2.LINK_STATE_LOST:
                for part in ("connect", "outage", "session"):
                    self._close(call, f"{link}.{part}", at_ns, failure="lost")

    def _participant(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        change = event_pb2.ParticipantChange.Name(event.participant_changed.change)
        call.span.add_event(word(change, "PARTICIPANT_CHANGE"), timestamp=at_ns)

    def _user_speech(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        if not event.user_speech.speaking:
            if "turn" in call.open:
                call.open["turn"].add_event("caller.stopped", timestamp=at_ns)
            return
        # A caller who goes on before any answer came is in the same turn still.
        if "turn" in call.open and not call.answered:
            return
        self._end_turn(call, at_ns)
        call.turns += 1
        self._open(call, "turn", "turn", at_ns, {"mediabridge.turn": call.turns})
        call.turn = trace.set_span_in_context(call.open["turn"], Context())
        call.answered = False

    def _end_turn(self, call: _TracedCall, at_ns: int) -> None:
        call.turn = None
        self._close(call, "turn", at_ns)

    def _response_started(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        started = event.response_started
        name = "greeting" if started.greeting else "response"
        attributes = {"mediabridge.response_id": started.response_id}
        self._open(call, name, f"response {started.response_id}", at_ns, attributes)

    def _response_finished(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        finished = event.response_finished
        status = word(event_pb2.ResponseStatus.Name(finished.status), "RESPONSE_STATUS")
        attributes: dict[str, AttributeValue] = {"mediabridge.status": status}
        for counted in call_pb2.TokenUsage.DESCRIPTOR.fields:
            if tokens := getattr(finished.usage, counted.name):
                attributes[f"mediabridge.{counted.name}"] = tokens
        failed = finished.status == event_pb2.RESPONSE_STATUS_FAILED
        key = f"response {finished.response_id}"
        self._close(call, key, at_ns, attributes, status if failed else "")

    def _turn_measured(self, call: _TracedCall, event: event_pb2.CallEvent, _at_ns: int) -> None:
        measured = event.turn_measured
        span = call.open.get("turn")
        if span is None:
            return
        span.set_attribute("mediabridge.latency_s", seconds(measured.latency))
        for part in report_pb2.TurnLatency.DESCRIPTOR.fields:
            part_s = seconds(getattr(measured.latency_parts, part.name))
            span.set_attribute(f"mediabridge.latency.{part.name}_s", part_s)

    def _agent_state(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        state = event.agent_state_changed.state
        if state == call_pb2.AGENT_STATE_SPEAKING:
            call.answered = True
            current = call.open.get("turn", call.span)
            current.add_event("agent.heard", timestamp=at_ns)
        elif state == call_pb2.AGENT_STATE_LISTENING and call.answered:
            self._end_turn(call, at_ns)

    def _interruption(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        attributes = {"mediabridge.heard_ms": event.interruption.heard_ms}
        call.open.get("turn", call.span).add_event("interrupted", attributes, timestamp=at_ns)

    def _tool_called(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        tool_call_id = event.tool_called.tool_call_id
        attributes = {"mediabridge.tool_call_id": tool_call_id}
        self._open(call, "tool", f"tool {tool_call_id}", at_ns, attributes)

    def _tool_finished(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        finished = event.tool_finished
        status = word(report_pb2.ToolStatus.Name(finished.status), "TOOL_STATUS")
        attributes: dict[str, AttributeValue] = {"mediabridge.status": status}
        # The model may call what there is not: a name is a tool's own where it has succeeded.
        succeeded = finished.status == report_pb2.TOOL_STATUS_SUCCEEDED
        if succeeded:
            attributes["mediabridge.tool"] = finished.name
        failure = "" if succeeded else finished.code
        self._close(call, f"tool {finished.tool_call_id}", at_ns, attributes, failure)

    def _warning(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        attributes = {"mediabridge.code": event.warning.code}
        call.span.add_event("warning", attributes, timestamp=at_ns)

    def _state(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        state = event.state_changed.state
        call.span.add_event(word(call_pb2.CallState.Name(state), "CALL_STATE"), timestamp=at_ns)
        if state == call_pb2.CALL_STATE_ENDING:
            self._end_turn(call, at_ns)
            self._open(call, "end", "end", at_ns)

    def _ended(self, call: _TracedCall, event: event_pb2.CallEvent, at_ns: int) -> None:
        report = event.ended.report
        fault = word(call_pb2.EndFault.Name(report.call.end_fault), "END_FAULT")
        reason = word(call_pb2.EndReason.Name(report.call.end_reason), "END_REASON")
        for key in list(call.open):
            self._close(call, key, at_ns)
        call.span.set_attributes(
            {
                "mediabridge.agent_id": report.call.agent_id,
                "mediabridge.host_id": report.call.host_id,
                "mediabridge.end_reason": reason,
                "mediabridge.end_fault": fault,
                "mediabridge.turns": len(report.turns),
            }
        )
        if report.call.end_fault != call_pb2.END_FAULT_NONE:
            call.span.set_status(Status(StatusCode.ERROR, reason))
        call.span.end(at_ns)
        del self._calls[event.connection_id]
