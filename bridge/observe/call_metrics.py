"""What do calls' events and telemetry say in numbers, whoever carries a call?"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.messages.times import seconds
from bridge.observe.bounded import BoundedLabel
from bridge.observe.media_metrics import MediaAmounts, MediaMetrics
from bridge.observe.metrics import Metrics
from bridge.observe.words import word
from bridge.ports.call import FAULT_OF, CallState
from bridge.ports.tool import ToolStatus
from bridge.v1 import call_pb2, event_pb2, report_pb2, telemetry_pb2

# An event may be told again, but not after so many other calls have ended.
_REMEMBERED_ENDS: Final = 1024

_MICRO: Final = 1e-6
_LINKS: Final = ("media", "model")
_STAGES: Final = ("room", *_LINKS, "join", "first_agent_audio")
_LATENCY_PARTS: Final = tuple(part.name for part in report_pb2.TurnLatency.DESCRIPTOR.fields)
_LIVE: Final = tuple(state.value for state in CallState if state is not CallState.ENDED)


@dataclass(slots=True)
class _LiveCall:
    """What must be remembered of a call until its end."""

    state: str = ""
    last_sequence: int = 0
    reached: set[str] = field(default_factory=set)
    broken_at_s: dict[str, float] = field(default_factory=dict)
    micro_units: int = 0
    media: MediaAmounts = field(default_factory=MediaAmounts)


_Count = Callable[[_LiveCall, event_pb2.CallEvent, float], None]


class CallMetrics:
    """Counts what calls tell."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._media = MediaMetrics(metrics)
        self._live: dict[str, _LiveCall] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._code = BoundedLabel()
        self._count_of: Mapping[str, _Count] = {
            "state_changed": self._moved,
            "media_state_changed": self._media_link,
            "model_state_changed": self._model_link,
            "participant_changed": self._participant,
            "agent_state_changed": self._agent_state,
            "turn_measured": self._turn,
            "interruption": self._interruption,
            "interruption_dismissed": self._dismissal,
            "response_finished": self._response,
            "tool_finished": self._tool,
            "warning": self._warning,
            "limit_warning": self._limit,
            "ended": self._end,
        }

        self._begin_at_zero()

    def refresh(self) -> None:
        """Say how many calls there are now."""
        states = [call.state for call in self._live.values()]
        for state in _LIVE:
            self._metrics.calls.labels(state).set(states.count(state))

    def on_event(self, event: event_pb2.CallEvent) -> None:
        """Count an event; one that is told again changes nothing."""
        connection_id = event.connection_id
        if connection_id in self._ended:
            return
        call = self._live.setdefault(connection_id, _LiveCall())
        if event.sequence <= call.last_sequence:
            return
        call.last_sequence = event.sequence
        kind = event.WhichOneof("kind") or ""
        if (count := self._count_of.get(kind)) is not None:
            count(call, event, seconds(event.call_offset))
        if kind == "ended":
            del self._live[connection_id]
            self._ended[connection_id] = None
            if len(self._ended) > _REMEMBERED_ENDS:
                self._ended.popitem(last=False)

    def on_telemetry(self, samples: Iterable[telemetry_pb2.CallTelemetry]) -> None:
        """Count one interval of every live call."""
        for sample in samples:
            call = self._live.get(sample.connection_id)
            if call is not None:
                self._media.sample(sample)
                self._add_media(call, MediaAmounts.of_sample(sample))

    def _begin_at_zero(self) -> None:
        """Tell of what has not happened yet: nobody sees a counter rise that begins at one."""
        metrics = self._metrics
        for reason, fault in FAULT_OF.items():
            metrics.calls_ended.labels(reason.value, fault.value)
        for link in _LINKS:
            metrics.link_interruptions.labels(link)
            metrics.link_reconnects.labels(link)
            metrics.link_outage.labels(link)
        for stage in _STAGES:
            metrics.call_setup.labels(stage)
        for part in _LATENCY_PARTS:
            metrics.turn_latency_part.labels(part)
        for tool_status in ToolStatus:
            metrics.tool_calls.labels(tool_status.value)
        for status in _told(event_pb2.ResponseStatus.items()):
            metrics.model_responses.labels(word(status, "RESPONSE_STATUS"))
        for limit in _told(event_pb2.LimitKind.items()):
            metrics.limits_near.labels(word(limit, "LIMIT_KIND"))
        for counted in call_pb2.TokenUsage.DESCRIPTOR.fields:
            metrics.model_tokens.labels(_kind_of_tokens(counted.name))

    def _moved(self, call: _LiveCall, event: event_pb2.CallEvent, at_s: float) -> None:
        state = event.state_changed.state
        call.state = word(call_pb2.CallState.Name(state), "CALL_STATE")
        if state == call_pb2.CALL_STATE_CREATED:
            self._metrics.calls_started.inc()
            self._reached(call, "room", at_s)

    def _media_link(self, call: _LiveCall, event: event_pb2.CallEvent, at_s: float) -> None:
        self._link(call, "media", event.media_state_changed.state, at_s)

    def _model_link(self, call: _LiveCall, event: event_pb2.CallEvent, at_s: float) -> None:
        self._link(call, "model", event.model_state_changed.state, at_s)

    def _link(
        self, call: _LiveCall, link: str, state: event_pb2.LinkState.ValueType, at_s: float
    ) -> None:
        match state:
            case event_pb2.LINK_STATE_READY:
                self._reached(call, link, at_s)
            case event_pb2.LINK_STATE_INTERRUPTED:
                self._metrics.link_interruptions.labels(link).inc()
                call.broken_at_s.setdefault(link, at_s)
            case event_pb2.LINK_STATE_RESUMED if link in call.broken_at_s:
                outage_s = at_s - call.broken_at_s.pop(link)
                self._metrics.link_reconnects.labels(link).inc()
                self._metrics.link_outage.labels(link).observe(outage_s)

    def _participant(self, call: _LiveCall, _event: event_pb2.CallEvent, at_s: float) -> None:
        self._reached(call, "join", at_s)

    def _reached(self, call: _LiveCall, stage: str, at_s: float) -> None:
        if stage not in call.reached:
            call.reached.add(stage)
            self._metrics.call_setup.labels(stage).observe(at_s)

    def _agent_state(self, call: _LiveCall, event: event_pb2.CallEvent, at_s: float) -> None:
        if event.agent_state_changed.state == call_pb2.AGENT_STATE_SPEAKING:
            self._reached(call, "first_agent_audio", at_s)

    def _turn(self, _call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        measured = event.turn_measured
        self._metrics.turn_latency.observe(seconds(measured.latency))
        for part in _LATENCY_PARTS:
            part_s = seconds(getattr(measured.latency_parts, part))
            self._metrics.turn_latency_part.labels(part).observe(part_s)

    def _interruption(self, _call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        self._metrics.barge_in_stop.observe(seconds(event.interruption.stop_latency))

    def _dismissal(self, _call: _LiveCall, _event: event_pb2.CallEvent, _at_s: float) -> None:
        self._metrics.interruptions_dismissed.inc()

    def _response(self, call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        finished = event.response_finished
        status = word(event_pb2.ResponseStatus.Name(finished.status), "RESPONSE_STATUS")
        self._metrics.model_responses.labels(status).inc()
        for counted in call_pb2.TokenUsage.DESCRIPTOR.fields:
            kind = _kind_of_tokens(counted.name)
            self._metrics.model_tokens.labels(kind).inc(getattr(finished.usage, counted.name))
        if finished.HasField("cost"):
            self._spend(call, finished.cost.currency, finished.cost.micro_units)

    def _tool(self, _call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        status = report_pb2.ToolStatus.Name(event.tool_finished.status)
        self._metrics.tool_calls.labels(word(status, "TOOL_STATUS")).inc()
        self._metrics.tool_duration.observe(seconds(event.tool_finished.duration))

    def _warning(self, _call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        self._metrics.call_warnings.labels(self._code(event.warning.code)).inc()

    def _limit(self, _call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        limit = event_pb2.LimitKind.Name(event.limit_warning.limit)
        self._metrics.limits_near.labels(word(limit, "LIMIT_KIND")).inc()

    def _end(self, call: _LiveCall, event: event_pb2.CallEvent, _at_s: float) -> None:
        report = event.ended.report
        reason = word(call_pb2.EndReason.Name(report.call.end_reason), "END_REASON")
        fault = word(call_pb2.EndFault.Name(report.call.end_fault), "END_FAULT")
        self._metrics.calls_ended.labels(reason, fault).inc()
        self._metrics.call_duration.observe(seconds(report.call.active_duration))
        if report.HasField("cost"):
            # What belongs to no response: writing down the callers' words.
            rest = max(0, report.cost.micro_units - call.micro_units)
            self._spend(call, report.cost.currency, rest)
        self._add_media(call, MediaAmounts.of_report(report.media).beyond(call.media))

    def _spend(self, call: _LiveCall, currency: str, micro_units: int) -> None:
        self._metrics.cost.labels(currency).inc(micro_units * _MICRO)
        call.micro_units += micro_units

    def _add_media(self, call: _LiveCall, more: MediaAmounts) -> None:
        self._media.add(more)
        call.media = call.media.plus(more)


def _told(values: Iterable[tuple[str, int]]) -> Iterator[str]:
    """Yield the names of an enum's values without the first, which nobody sends."""
    return (name for name, number in values if number)


def _kind_of_tokens(field_name: str) -> str:
    return field_name.removesuffix("_tokens")
