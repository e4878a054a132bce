"""What each request may hold, field by field, named as in the proto."""

import pytest
from google.protobuf.duration_pb2 import Duration

from bridge.api import requests
from bridge.errors import InvalidRequest
from bridge.ports.call import CallState
from bridge.v1 import agent_pb2, call_pb2, call_service_pb2
from tests.unit.api.rpcs import (
    CONTROL,
    CREATE,
    JOIN,
    LIST,
    TELEMETRY,
    TOKEN,
    WATCH,
    Rpc,
    changed,
    said,
    span,
    wrong_fields,
)

DAY_S = 86_400
NAMES = ["\x00", "a\nb", "tab\t", "\u200b", "\x7f", "x" * 129]

BAD = [
    (CONTROL, "connection_id", ["", "x" * 129]),
    (CONTROL, "command_id", ["x" * 65, "é", "a\nb"]),
    (CONTROL, "say.text", ["", "  ", "x" * 4097]),
    (CONTROL, "say.behavior", [9, -1]),
    (CONTROL, "respond.instructions", ["x" * 4097]),
    (CONTROL, "mute.side", [0, 9]),
    (CONTROL, "update_agent", [call_service_pb2.UpdateAgent()]),
    (CONTROL, "update_agent.instructions", ["", "x" * 32_769]),
    (CONTROL, "update_agent.voice", ["", "a b"]),
    (CONTROL, "update_agent.turn_detection", [agent_pb2.TurnDetection()]),
    (CONTROL, "update_agent.turn_detection.server_vad.threshold", [1.1]),
    (CONTROL, "set_metadata.metadata", [{"": "v"}, {"k": "v" * 513}]),
    (CONTROL, "end_softly.text", ["x" * 4097]),
    (CREATE, "participant_name", ["", "   ", *NAMES]),
    (JOIN, "participant_name", ["", *NAMES]),
    (CREATE, "agent_id", ["", *NAMES]),
    (JOIN, "agent_id", NAMES),
    (TOKEN, "agent_id", ["", *NAMES]),
    (CREATE, "tenant_id", NAMES),
    (LIST, "tenant_id", NAMES),
    (LIST, "agent_id", NAMES),
    (TELEMETRY, "tenant_id", NAMES),
    (TELEMETRY, "connection_id", NAMES),
    (WATCH, "connection_id", ["", *NAMES]),
    (CREATE, "voice_language", ["x", "english", "en_US", "en-", "en\n", "12", "e" * 99]),
    (TOKEN, "voice_language", ["x"]),
    (CREATE, "request_id", ["x" * 65, "é", "a\nb"]),
    (CREATE, "room_name", ["-a", ".", "a b", "a/b", "é", "x" * 129, "a\n"]),
    (JOIN, "room_name", ["", "-a", "a\x00"]),
    (CREATE, "metadata", [{"": "v"}, {"k" * 65: "v"}, {"k": "v" * 513}]),
    (CREATE, "metadata", [{str(number): "" for number in range(33)}]),
    (LIST, "metadata", [{"": "v"}]),
    (CREATE, "variables", [{"": "v"}, {"a b": "v"}, {"1": "v"}, {"é": "v"}, {"k" * 65: "v"}]),
    (JOIN, "variables", [{f"v{number}": "" for number in range(33)}]),
    (TOKEN, "variables", [{"a.b": "v"}]),
    (CREATE, "prior_connection_id", NAMES),
    (CREATE, "budget.max_tokens", [0, -1, 10**15 + 1]),
    (JOIN, "budget.max_micro_units", [0, -(2**63), 2**63 - 1]),
    (CREATE, "retention", [5, -1]),
    (JOIN, "retention", [99]),
    (CREATE, "recording.format", [99, -1]),
    (JOIN, "recording.format", [3]),
    (CREATE, "initial_messages", [[said("x")] * 101, [said("x" * 12_001)] * 2]),
    (CREATE, "token_ttl", [span(29.9), span(DAY_S + 1), span(-1), span(0)]),
    (CREATE, "limits.join_timeout", [span(0.9), span(3601), span(-5)]),
    (CREATE, "limits.max_duration", [span(0), span(DAY_S + 1)]),
    (CREATE, "limits.rejoin_grace", [span(-0.001), span(601)]),
    (JOIN, "limits.rejoin_grace", [Duration(seconds=10**18)]),
    (CREATE, "start_policy", [99, -1, 2**31 - 1]),
    (CREATE, "agent.instructions", ["", "  \n", "x" * 32_769]),
    (CREATE, "agent.model", ["", "a b", "x" * 65, "é", "a\n"]),
    (CREATE, "agent.voice", ["", "-x"]),
    (CREATE, "agent.speed", [0.24, 1.51, float("nan"), float("inf"), -1.0]),
    (CREATE, "agent.turn_detection.server_vad.threshold", [-0.1, 1.1, float("nan")]),
    (CREATE, "agent.turn_detection.server_vad.prefix_padding_ms", [-1, 2001]),
    (CREATE, "agent.turn_detection.server_vad.silence_duration_ms", [99, 5001]),
    (CREATE, "agent.turn_detection.semantic_vad.eagerness", [5, -1]),
    (CREATE, "agent.turn_detection", [agent_pb2.TurnDetection()]),
    (CREATE, "agent.greeting", [agent_pb2.Greeting()]),
    (CREATE, "agent.greeting.text", ["", " ", "x" * 4097]),
    (CREATE, "agent.greeting.prompt", ["", "x" * 4097]),
    (CREATE, "agent.greeting.user_first", [False]),
    (WATCH, "after_sequence", [-1, -(2**63)]),
    (LIST, "page_size", [-1, 1001]),
    (LIST, "states", [[0], [99], [-1]]),
    (TELEMETRY, "interval", [span(0.099), span(60.1), span(0), span(-1)]),
    (TOKEN, "ttl", [span(9.9), span(7201)]),
]
GOOD = [
    (CREATE, "participant_name", ["a", "x" * 128, "Ada Lovelace", "Ünï", "陳", " padded "]),
    (CREATE, "voice_language", ["en", "es-MX", "zh-Hant-TW", "fil"]),
    (CREATE, "request_id", ["x" * 64, "~!@ #"]),
    (CREATE, "room_name", ["a", "0.a_b-C", "x" * 128]),
    (CREATE, "metadata", [{"k" * 64: "v" * 512}, {str(number): "" for number in range(32)}]),
    (CREATE, "variables", [{"k" * 64: "v" * 1024}, {"_a1": '\n{x} "'}]),
    (CREATE, "variables", [{f"v{number}": "" for number in range(32)}]),
    (CREATE, "prior_connection_id", ["call-1"]),
    (CREATE, "budget.max_tokens", [1, 10**15]),
    (JOIN, "budget.max_micro_units", [1, 10**15]),
    (CREATE, "initial_messages", [[said("x" * 240)] * 100, [said("two\nlines")]]),
    (CREATE, "token_ttl", [span(30), span(DAY_S)]),
    (CREATE, "limits.join_timeout", [span(1), span(3600)]),
    (CREATE, "limits.max_duration", [span(1), span(DAY_S)]),
    (CREATE, "limits.rejoin_grace", [span(0), span(600)]),
    (CREATE, "agent.instructions", ["x" * 32_768, "line\nline"]),
    (CREATE, "agent.model", ["gpt-realtime", "a:b.c_d"]),
    (CREATE, "agent.speed", [0.25, 1.5]),
    (CREATE, "agent.turn_detection.server_vad.threshold", [0.0, 1.0]),
    (CREATE, "agent.turn_detection.server_vad.silence_duration_ms", [100, 5000]),
    (CREATE, "agent.greeting.text", ["x" * 4096]),
    (CREATE, "agent.greeting.user_first", [True]),
    (WATCH, "after_sequence", [0, 2**63 - 1]),
    (LIST, "page_size", [0, 1, 1000]),
    (TELEMETRY, "interval", [span(0.1), span(60)]),
    (TOKEN, "ttl", [span(10), span(7200)]),
]


def rows(table: list[tuple[Rpc, str, list[object]]]) -> list[tuple[Rpc, str, object]]:
    return [(rpc, path, value) for rpc, path, values in table for value in values]


@pytest.mark.parametrize("rpc", [CREATE, JOIN, WATCH, LIST, TELEMETRY, TOKEN])
def test_smallest_request_is_right(rpc: Rpc) -> None:
    assert wrong_fields(rpc, rpc.right) == []


@pytest.mark.parametrize(("rpc", "path", "value"), rows(BAD))  # type: ignore[arg-type]
def test_wrong_value_is_refused_by_its_field_s_name(rpc: Rpc, path: str, value: object) -> None:
    assert wrong_fields(rpc, changed(rpc, path, value)) == [path]


@pytest.mark.parametrize(("rpc", "path", "value"), rows(GOOD))  # type: ignore[arg-type]
def test_value_at_the_edge_is_taken(rpc: Rpc, path: str, value: object) -> None:
    assert wrong_fields(rpc, changed(rpc, path, value)) == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    message = call_service_pb2.CreateRoomRequest(
        voice_language="?",
        room_name="/",
        request_id="é",
        start_policy=77,  # type: ignore[arg-type]
    )
    message.token_ttl.seconds = 1
    message.limits.max_duration.seconds = -1
    message.agent.speed = 9
    assert set(wrong_fields(CREATE, message)) == {
        *("participant_name", "agent_id", "voice_language", "room_name", "request_id"),
        *("start_policy", "token_ttl", "limits.max_duration", "agent.speed"),
    }


def test_what_is_wrong_a_thousand_times_fits_into_a_client_s_trailers() -> None:
    many_states = call_service_pb2.ListCallsRequest(states=range(1000, 50_000))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as refused:
        requests.list_calls(many_states)
    assert len(str(refused.value)) < 2000
    metadata = {f"{number:065}": "v" for number in range(3000)}
    many_entries = call_service_pb2.ListCallsRequest(metadata=metadata)
    assert wrong_fields(LIST, many_entries) == ["metadata", "metadata"]


@pytest.mark.parametrize("state", CallState)
def test_every_state_can_be_filtered_by(state: CallState) -> None:
    number = call_pb2.CallState.Value(f"CALL_STATE_{state.name}")
    calls, _ = requests.list_calls(call_service_pb2.ListCallsRequest(states=[number]))
    assert calls.states == {state}


@pytest.mark.parametrize("after", [None, span(0.9), span(3601)])
def test_a_silence_step_without_its_time_is_named(after: Duration | None) -> None:
    policy = agent_pb2.SilencePolicy()
    policy.steps.add(after=span(1), say="x")
    policy.steps.add(after=after, say="x")
    message = changed(CREATE, "agent.silence", policy)
    assert wrong_fields(CREATE, message) == ["agent.silence.steps[1].after"]


@pytest.mark.parametrize("rpc", [CREATE, JOIN, TOKEN])
def test_a_variable_that_is_too_long_is_named(rpc: Rpc) -> None:
    message = changed(rpc, "variables", {"order_id": "v" * 1025, "plan": "v"})
    assert wrong_fields(rpc, message) == ["variables.order_id"]


def test_each_wrong_message_is_named_by_its_place() -> None:
    message = changed(JOIN, "initial_messages", [said("x"), said(" "), said("x", 0), said("x", 9)])
    assert wrong_fields(JOIN, message) == [
        "initial_messages[1].text",
        "initial_messages[2].role",
        "initial_messages[3].role",
    ]


def test_whoever_wants_no_recording_cannot_say_how() -> None:
    message = changed(CREATE, "recording.enabled", False)
    assert wrong_fields(CREATE, message) == []
    message.recording.format = call_pb2.RECORDING_FORMAT_WAV  # type: ignore[attr-defined]
    assert wrong_fields(CREATE, message) == ["recording.enabled"]
