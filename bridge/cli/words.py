"""How is a message said in a word or two: enum values, spans, events as one line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from bridge.v1 import call_pb2, event_pb2, report_pb2
from bridge.v1.event_pb2 import CallEvent


def word(enum: Any, value: int) -> str:  # noqa: ANN401 - generated enums share no type
    """Return an enum value without its type's name: CALL_STATE_ACTIVE is "active"."""
    descriptor = enum.DESCRIPTOR
    known = descriptor.values_by_number.get(value)
    if known is None:
        return str(value)
    zero = descriptor.values_by_number[0].name
    prefix = zero.removesuffix("UNSPECIFIED")
    return str(known.name.removeprefix(prefix)).lower().replace("_", " ")


def milliseconds(span: Duration) -> float:
    """Return a span in ms."""
    return span.ToTimedelta().total_seconds() * 1000


def amount(cost: call_pb2.Cost) -> str:
    """Return an amount of money, to the micro-unit; only what is there of it behind the cents."""
    units, micros = divmod(cost.micro_units, 1_000_000)
    decimals = f"{micros:06}".rstrip("0").ljust(2, "0")
    return f"{units}.{decimals} {cost.currency} ({cost.price_version})"


def printable(text: str) -> str:
    """Return spoken text without anything a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def line(event: CallEvent) -> str | None:
    """Return an event as one line; None for words that are not final."""
    kind = event.WhichOneof("kind")
    if kind is None:
        return None  # of a newer server
    said = _SAYINGS[kind](getattr(event, kind))
    if said is None:
        return None
    return f"{milliseconds(event.call_offset) / 1000:8.2f} s  {said}"


def _state(event: event_pb2.StateChanged) -> str:
    return f"call: {word(call_pb2.CallState, event.state)}"


def _participant(event: event_pb2.ParticipantChanged) -> str:
    name = printable(event.participant.name or event.participant.identity)
    return f"{name}: {word(event_pb2.ParticipantChange, event.change)}"


def _media(event: event_pb2.MediaStateChanged) -> str:
    return f"livekit: {word(event_pb2.LinkState, event.state)}"


def _model(event: event_pb2.ModelStateChanged) -> str:
    state = f"model: {word(event_pb2.LinkState, event.state)}"
    if not event.HasField("gap"):
        return state
    gap_ms, lost_ms = milliseconds(event.gap), milliseconds(event.lost_audio)
    return f"{state} after {gap_ms:.0f} ms, {lost_ms:.0f} ms of callers' audio lost"


def _agent(event: event_pb2.AgentStateChanged) -> str:
    return f"agent: {word(call_pb2.AgentState, event.state)}"


def _speech(event: event_pb2.UserSpeech) -> str:
    return "caller: begins to speak" if event.speaking else "caller: has finished"


def _transcript(event: event_pb2.Transcript) -> str | None:
    who = "caller" if event.role == event_pb2.TRANSCRIPT_ROLE_USER else "agent"
    return f"{who} said: {printable(event.text)}" if event.final else None


def _answer_begins(event: event_pb2.ResponseStarted) -> str:
    return "model: greets" if event.greeting else "model: answers"


def _answer_ends(event: event_pb2.ResponseFinished) -> str:
    detail = f" ({printable(event.detail)})" if event.detail else ""
    return f"model: answer {word(event_pb2.ResponseStatus, event.status)}{detail}"


def _interruption(event: event_pb2.Interruption) -> str:
    return (
        f"interruption: {event.heard_ms} of {event.received_ms} ms heard, "
        f"silent within {milliseconds(event.stop_latency):.0f} ms"
    )


def _dismissed(event: event_pb2.InterruptionDismissed) -> str:
    paused_ms = milliseconds(event.paused)
    return f"no interruption: the agent goes on, after {paused_ms:.0f} ms of silence"


def _awaits(_: event_pb2.TurnAwaitsResponse) -> str:
    return "turn: waits for the gateway to have it answered"


def _measured(event: event_pb2.TurnMeasured) -> str:
    return f"turn: heard after {milliseconds(event.latency):.0f} ms ({parts(event.latency_parts)})"


def parts(latency: report_pb2.TurnLatency) -> str:
    """Return where the time until an answer went."""
    return ", ".join(
        f"{name} {milliseconds(getattr(latency, name)):.0f}"
        for name in ("endpointing", "model", "transport", "playout")
    )


def _tool_called(event: event_pb2.ToolCalled) -> str:
    return f"tool {printable(event.name)}: called"


def _tool_finished(event: event_pb2.ToolFinished) -> str:
    code = f" ({printable(event.code)})" if event.code else ""
    took_ms = milliseconds(event.duration)
    status = word(report_pb2.ToolStatus, event.status)
    return f"tool {printable(event.name)}: {status}{code} after {took_ms:.0f} ms"


def _language(event: event_pb2.LanguageSwitched) -> str:
    return f"language: {printable(event.previous)} -> {printable(event.language)}"


def _keys(event: event_pb2.DtmfSent) -> str:
    return f"keys pressed: {len(event.digits)}"


def _recording_started(event: event_pb2.RecordingStarted) -> str:
    return f"recording: {printable(event.uri)}"


def _recording_finished(event: event_pb2.RecordingFinished) -> str:
    recorded = event.recording
    seconds = milliseconds(recorded.duration) / 1000
    return f"recorded: {printable(recorded.uri)}, {seconds:.1f} s, {recorded.bytes} bytes"


def _warning(event: event_pb2.Warning) -> str:
    return f"warning {event.code}: {printable(event.message)}"


def _ended(event: event_pb2.Ended) -> str:
    return f"ended: {ending(event.report.call)}"


def ending(call: call_pb2.Call) -> str:
    """Return why a call ended, and whose fault it was."""
    reason = word(call_pb2.EndReason, call.end_reason)
    fault = word(call_pb2.EndFault, call.end_fault)
    detail = f": {printable(call.end_detail)}" if call.end_detail else ""
    return f"{reason} (fault: {fault}){detail}"


def _control_applied(event: event_pb2.ControlApplied) -> str:
    return f"the gateway's {event.command} is applied"


def _control_refused(event: event_pb2.ControlRefused) -> str:
    return f"the gateway's {event.command} is refused: {event.reason}"


def _chat(event: event_pb2.ChatReceived) -> str:
    return f"written: {event.text}"


def _silence_step(event: event_pb2.SilenceStep) -> str:
    return f"nobody speaks: step {event.step}" + (", the last" if event.ends_call else "")


def _limit_warning(event: event_pb2.LimitWarning) -> str:
    if event.HasField("remaining"):
        return f"the call ends in {event.remaining.ToMilliseconds() / 1000:.0f} s"
    return f"{event.used:.0%} of {word(event_pb2.LimitKind, event.limit)} used"


_SAYINGS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "state_changed": _state,
    "participant_changed": _participant,
    "media_state_changed": _media,
    "model_state_changed": _model,
    "agent_state_changed": _agent,
    "user_speech": _speech,
    "transcript": _transcript,
    "response_started": _answer_begins,
    "response_finished": _answer_ends,
    "interruption": _interruption,
    "interruption_dismissed": _dismissed,
    "turn_awaits_response": _awaits,
    "turn_measured": _measured,
    "recording_started": _recording_started,
    "recording_finished": _recording_finished,
    "tool_called": _tool_called,
    "tool_finished": _tool_finished,
    "control_applied": _control_applied,
    "control_refused": _control_refused,
    "chat_received": _chat,
    "silence_step": _silence_step,
    "language_switched": _language,
    "dtmf_sent": _keys,
    "warning": _warning,
    "limit_warning": _limit_warning,
    "ended": _ended,
}
