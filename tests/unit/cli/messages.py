"""Messages as a server sends them."""

from datetime import timedelta

from bridge.v1 import call_pb2, event_pb2
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.report_pb2 import CallReport, Turn
from bridge.v1.telemetry_pb2 import CallTelemetry

HALF_A_SECOND = timedelta(milliseconds=500)


def state(value: call_pb2.CallState.ValueType) -> CallEvent:
    return CallEvent(state_changed=event_pb2.StateChanged(state=value))


def agent(value: call_pb2.AgentState.ValueType) -> CallEvent:
    return CallEvent(agent_state_changed=event_pb2.AgentStateChanged(state=value))


def speech(*, speaking: bool) -> CallEvent:
    return CallEvent(user_speech=event_pb2.UserSpeech(speaking=speaking))


def said(item_id: str, text: str, *, caller: bool = False, final: bool = True) -> CallEvent:
    role = event_pb2.TRANSCRIPT_ROLE_USER if caller else event_pb2.TRANSCRIPT_ROLE_AGENT
    return CallEvent(
        transcript=event_pb2.Transcript(item_id=item_id, role=role, text=text, final=final)
    )


def interrupted(item_id: str) -> CallEvent:
    return CallEvent(
        interruption=event_pb2.Interruption(item_id=item_id, heard_ms=900, received_ms=3000)
    )


def warning(message: str) -> CallEvent:
    return CallEvent(warning=event_pb2.Warning(code="SLOW", message=message))


def report() -> CallReport:
    made = CallReport(complete=True)
    made.call.connection_id = "call-1"
    made.call.agent_id = "greeter"
    made.call.end_reason = call_pb2.END_REASON_API_ENDED
    made.call.end_fault = call_pb2.END_FAULT_NONE
    made.setup.room.FromMilliseconds(12)
    made.turn_latency.count = 1
    made.turn_latency.p50.FromMilliseconds(230)
    first = Turn(index=1, agent_text="Hello [bold]you[/bold]")
    second = Turn(index=2, user_text="Hi", agent_text="Good day", interrupted=True)
    second.latency.FromMilliseconds(230)
    second.latency_parts.endpointing.FromMilliseconds(120)
    second.latency_parts.model.FromMilliseconds(80)
    second.latency_parts.transport.FromMilliseconds(18)
    second.latency_parts.playout.FromMilliseconds(12)
    made.turns.extend([first, second])
    return made


def ended() -> CallEvent:
    return CallEvent(ended=event_pb2.Ended(report=report()))


def sample(connection_id: str = "call-1") -> CallTelemetry:
    made = CallTelemetry(
        connection_id=connection_id,
        state=call_pb2.CALL_STATE_ACTIVE,
        agent_state=call_pb2.AGENT_STATE_SPEAKING,
    )
    made.uplink.level_dbfs = -30.0
    made.downlink.level_dbfs = -127.0
    made.model.turn_latency_ms = 230.0
    return made
