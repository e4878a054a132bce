"""Events as the API's messages."""

from typing import assert_never

from bridge.messages import convert
from bridge.messages.times import duration, timestamp
from bridge.ports.event import (
    AgentStateChanged,
    CallEvent,
    ChatWritten,
    ControlApplied,
    ControlRefused,
    DtmfSent,
    Ended,
    Interruption,
    InterruptionDismissed,
    LanguageSwitched,
    LimitNear,
    MediaStateChanged,
    ModelStateChanged,
    ParticipantChanged,
    RecordingFinished,
    RecordingStarted,
    ResponseBegan,
    ResponseFinished,
    SilenceStepReached,
    StateChanged,
    ToolCalled,
    ToolFinished,
    Transcript,
    TurnAwaitsResponse,
    TurnMeasured,
    UserSpeech,
    Warned,
)
from bridge.ports.store import LoggedEvent
from bridge.v1 import call_pb2, event_pb2


def logged(of: CallEvent) -> LoggedEvent:
    """Return the event as logs keep it: encoded as its watchers will get it."""
    is_last = isinstance(of.kind, Ended)
    return LoggedEvent(of.connection_id, of.sequence, is_last, event(of).SerializeToString())


def event(of: CallEvent) -> event_pb2.CallEvent:
    message = event_pb2.CallEvent(
        connection_id=of.connection_id,
        sequence=of.sequence,
        time=timestamp(of.at),
        call_offset=duration(of.call_offset_s),
    )
    match of.kind:
        case StateChanged() | MediaStateChanged() | ModelStateChanged() | AgentStateChanged():
            _state(message, of.kind)
        case ParticipantChanged(change, view):
            message.participant_changed.change = event_pb2.ParticipantChange.Value(
                f"PARTICIPANT_CHANGE_{change.name}"
            )
            message.participant_changed.participant.CopyFrom(convert.participant(view))
        case Ended(report):
            message.ended.report.CopyFrom(convert.report(report))
        case ControlApplied() | ControlRefused() | ChatWritten() as kind:
            _steering(message, kind)
        case SilenceStepReached() | LimitNear() | Warned() as kind:
            _notice(message, kind)
        case ToolCalled() | ToolFinished() | LanguageSwitched() | DtmfSent():
            _tool(message, of.kind)
        case Interruption() | InterruptionDismissed() | TurnAwaitsResponse() | TurnMeasured():
            _turn(message, of.kind)
        case RecordingStarted(uri, form):
            message.recording_started.uri = uri
            message.recording_started.format = convert.recording_format(form)
        case RecordingFinished(recorded):
            message.recording_finished.recording.CopyFrom(convert.recording(recorded))
        case _ as kind:
            _speech(message, kind)
    return message


def _steering(
    message: event_pb2.CallEvent, kind: ControlApplied | ControlRefused | ChatWritten
) -> None:
    match kind:
        case ControlApplied(command_id, command):
            message.control_applied.command_id = command_id
            message.control_applied.command = command
        case ControlRefused(command_id, command, reason, text):
            refused = message.control_refused
            refused.command_id, refused.command = command_id, command
            refused.reason, refused.message = reason, text
        case ChatWritten(identity, text):
            message.chat_received.participant_identity = identity
            message.chat_received.text = text


def _notice(message: event_pb2.CallEvent, kind: SilenceStepReached | LimitNear | Warned) -> None:
    match kind:
        case SilenceStepReached(step, ends_call):
            message.silence_step.step = step
            message.silence_step.ends_call = ends_call
        case LimitNear(limit, used, remaining_s):
            message.limit_warning.limit = event_pb2.LimitKind.Value(f"LIMIT_KIND_{limit.name}")
            message.limit_warning.used = used
            if remaining_s is not None:
                message.limit_warning.remaining.FromMicroseconds(round(remaining_s * 1e6))
        case Warned(code, text):
            message.warning.code, message.warning.message = code, text


def _speech(
    message: event_pb2.CallEvent,
    kind: UserSpeech | Transcript | ResponseBegan | ResponseFinished,
) -> None:
    match kind:
        case UserSpeech(speaking, identity, item_id):
            message.user_speech.speaking = speaking
            message.user_speech.participant_identity = identity or ""
            message.user_speech.item_id = item_id
        case Transcript():
            message.transcript.CopyFrom(_transcript(kind))
        case ResponseBegan(response_id, greeting):
            message.response_started.response_id = response_id
            message.response_started.greeting = greeting
        case ResponseFinished(response_id, status, tokens, detail, cost):
            finished = message.response_finished
            finished.response_id = response_id
            finished.status = event_pb2.ResponseStatus.Value(f"RESPONSE_STATUS_{status.name}")
            finished.usage.CopyFrom(convert.tokens(tokens))
            finished.detail = detail
            if (amount := convert.cost(cost)) is not None:
                finished.cost.CopyFrom(amount)
        case _:
            assert_never(kind)


def _turn(
    message: event_pb2.CallEvent,
    kind: Interruption | InterruptionDismissed | TurnAwaitsResponse | TurnMeasured,
) -> None:
    match kind:
        case Interruption(item_id, heard_ms, received_ms, stop_latency_s, heard_text):
            message.interruption.item_id = item_id
            message.interruption.heard_ms = heard_ms
            message.interruption.received_ms = received_ms
            message.interruption.stop_latency.FromMicroseconds(round(stop_latency_s * 1e6))
            message.interruption.heard_text = heard_text
        case InterruptionDismissed(item_id, paused_s):
            message.interruption_dismissed.item_id = item_id
            message.interruption_dismissed.paused.FromMicroseconds(round(paused_s * 1e6))
        case TurnAwaitsResponse(item_id):
            message.turn_awaits_response.item_id = item_id
        case TurnMeasured(turn, latency):
            measured = event_pb2.TurnMeasured(
                turn=turn,
                latency=duration(latency.total_s),
                latency_parts=convert.turn_latency(latency),
            )
            message.turn_measured.CopyFrom(measured)
        case _:
            assert_never(kind)


def _tool(
    message: event_pb2.CallEvent, kind: ToolCalled | ToolFinished | LanguageSwitched | DtmfSent
) -> None:
    match kind:
        case ToolCalled(tool_call_id, name, response_id, arguments):
            called = message.tool_called
            called.tool_call_id, called.name = tool_call_id, name
            called.response_id, called.arguments_json = response_id, arguments
        case ToolFinished(use):
            finished = message.tool_finished
            finished.tool_call_id, finished.name = use.tool_call_id, use.name
            finished.status, finished.code = convert.tool_status(use.status), use.code
            finished.duration.FromMicroseconds(round(use.duration_s * 1e6))
            finished.private_detail = use.private_detail
        case LanguageSwitched(language, previous):
            message.language_switched.language = language
            message.language_switched.previous = previous
        case DtmfSent(digits):
            message.dtmf_sent.digits = digits


def _transcript(words: Transcript) -> event_pb2.Transcript:
    return event_pb2.Transcript(
        item_id=words.item_id,
        role=event_pb2.TranscriptRole.Value(f"TRANSCRIPT_ROLE_{words.role.name}"),
        text=words.text,
        final=words.final,
        start_offset=duration(words.start_offset_s),
        end_offset=duration(words.end_offset_s),
        confidence=words.confidence,
        participant_identity=words.speaker or "",
        interrupted=words.interrupted,
    )


def _state(
    message: event_pb2.CallEvent,
    kind: StateChanged | MediaStateChanged | ModelStateChanged | AgentStateChanged,
) -> None:
    match kind:
        case StateChanged(call_state, previous):
            changed = message.state_changed
            changed.state = call_pb2.CallState.Value(f"CALL_STATE_{call_state.name}")
            if previous is not None:
                changed.previous = call_pb2.CallState.Value(f"CALL_STATE_{previous.name}")
        case MediaStateChanged(state):
            message.media_state_changed.state = _link(state.name)
        case ModelStateChanged(state, session_id, resumption):
            message.model_state_changed.state = _link(state.name)
            message.model_state_changed.session_id = session_id
            if resumption is not None:
                resumed = event_pb2.ModelStateChanged(
                    gap=duration(resumption.gap_s),
                    lost_audio=duration(resumption.lost_audio_s),
                    replayed_items=resumption.replayed_items,
                )
                message.model_state_changed.MergeFrom(resumed)
        case AgentStateChanged(agent_state):
            message.agent_state_changed.state = call_pb2.AgentState.Value(
                f"AGENT_STATE_{agent_state.name}"
            )


def _link(name: str) -> event_pb2.LinkState.ValueType:
    return event_pb2.LinkState.Value(f"LINK_STATE_{name}")
