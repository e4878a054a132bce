"""What each request may hold, field by field, named as in the proto."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from bridge.api import commands, requests
from bridge.errors import InvalidRequest
from bridge.ports.agent import (
    GreetingChange,
    PromptGreeting,
    SayGreeting,
    SilenceStep,
    TurnsChange,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.call import CallState, StartPolicy
from bridge.ports.control import PressKeys
from bridge.ports.model_config import ContextItem, ItemRole, SemanticVad, ServerVad
from bridge.ports.recording import RecordingChange, RecordingFormat
from bridge.retention import Retention
from bridge.v1 import (
    agent_pb2,
    call_pb2,
    call_service_pb2,
    model_service_pb2,
    telemetry_service_pb2,
)

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rpc:
    """A request that is right, and what parses it."""

    right: Message
    parse: Callable[..., object]


CREATE = Rpc(
    call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="greeter"),
    requests.create_room,
)
JOIN = Rpc(
    call_service_pb2.JoinRoomRequest(participant_name="Ada", room_name="lobby"), requests.join_room
)
WATCH = Rpc(call_service_pb2.WatchEventsRequest(connection_id="call-1"), requests.watch)
LIST = Rpc(call_service_pb2.ListCallsRequest(), requests.list_calls)
TELEMETRY = Rpc(telemetry_service_pb2.StreamTelemetryRequest(), requests.telemetry)
CONTROL = Rpc(
    call_service_pb2.ControlCallRequest(
        connection_id="call-1", say=call_service_pb2.Say(text="One moment.")
    ),
    commands.control_call,
)
TOKEN = Rpc(model_service_pb2.CreateModelTokenRequest(agent_id="greeter"), requests.model_token)


def changed(rpc: Rpc, path: str, value: object) -> Message:
    """Return the request with one field set, by its path in the proto."""
    message = type(rpc.right)()
    message.CopyFrom(rpc.right)
    *parents, name = path.split(".")
    target = message
    for parent in parents:
        target = getattr(target, parent)
    if isinstance(value, Message):
        getattr(target, name).CopyFrom(value)
    elif isinstance(value, dict):
        getattr(target, name).update(value)
    elif isinstance(value, list):
        getattr(target, name).extend(value)
    else:
        setattr(target, name, value)
    return message


def wrong_fields(rpc: Rpc, message: Message) -> list[str]:
    try:
        rpc.parse(message)
    except InvalidRequest as refused:
        return [violation.field for violation in refused.violations]
    return []


def span(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


@pytest.mark.parametrize("rpc", [CREATE, JOIN, WATCH, LIST, TELEMETRY, TOKEN])
def test_smallest_request_is_right(rpc: Rpc) -> None:
    assert wrong_fields(rpc, rpc.right) == []


def said(text: str, role: int = 2) -> call_service_pb2.ContextMessage:
    return call_service_pb2.ContextMessage(role=role, text=text)  # type: ignore[arg-type]


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


def test_request_becomes_what_the_domain_asks_for() -> None:
    message = call_service_pb2.CreateRoomRequest(
        participant_name=" Ada ",
        agent_id="greeter",
        voice_language="es-MX",
        tenant_id="acme",
        request_id="r1",
        room_name="lobby",
        metadata={"k": "v"},
        limits=call_pb2.CallLimits(max_duration=span(90.5), rejoin_grace=span(0)),
        start_policy=call_pb2.START_POLICY_VOICE_ON_MICROPHONE,
        token_ttl=span(60),
    )
    asked = requests.create_room(message)
    assert (asked.caller_name, asked.agent.caller_name) == ("Ada", "Ada")
    assert (asked.agent.agent_id, asked.agent.tenant_id) == ("greeter", "acme")
    assert (asked.agent.language, asked.room_name) == ("es-MX", "lobby")
    assert (asked.limits.join_timeout_s, asked.limits.max_duration_s) == (None, 90.5)
    assert asked.limits.rejoin_grace_s == 0
    assert asked.start_policy is StartPolicy.VOICE_ON_MICROPHONE
    assert (asked.token_ttl_s, asked.metadata) == (60, {"k": "v"})
    assert asked.request_key is not None
    assert (asked.request_key.tenant_id, asked.request_key.request_id) == ("acme", "r1")


def test_fields_left_out_are_left_to_others() -> None:
    asked = requests.create_room(CREATE.right)  # type: ignore[arg-type]
    assert (asked.room_name, asked.request_key, asked.start_policy) == (None, None, None)
    assert (asked.token_ttl_s, asked.agent.language) == (None, None)
    assert requests.list_calls(LIST.right)[1] == 100  # type: ignore[arg-type]
    assert requests.telemetry(TELEMETRY.right) == (None, None, 5.0)  # type: ignore[arg-type]
    assert requests.model_token(TOKEN.right)[1] == 60  # type: ignore[arg-type]


def test_fingerprint_tells_requests_apart_and_retries_not() -> None:
    def fingerprint(rpc: Rpc, path: str, value: object) -> bytes:
        message = changed(rpc, path, value)
        message.request_id = "r1"  # type: ignore[attr-defined]
        parsed: Any = rpc.parse(message)
        asked = parsed[0] if isinstance(parsed, tuple) else parsed
        digest: bytes = asked.request_key.fingerprint
        return digest

    metadata = {str(number): "v" for number in range(20)}
    backwards = dict(reversed(metadata.items()))
    one = fingerprint(CREATE, "metadata", metadata)
    assert one == fingerprint(CREATE, "metadata", backwards)
    assert one != fingerprint(CREATE, "metadata", {"0": "v"})
    room = ("room_name", "lobby")
    assert fingerprint(CREATE, *room) != fingerprint(
        Rpc(changed(JOIN, "agent_id", "greeter"), JOIN.parse), *room
    )


@pytest.mark.parametrize("state", CallState)
def test_every_state_can_be_filtered_by(state: CallState) -> None:
    number = call_pb2.CallState.Value(f"CALL_STATE_{state.name}")
    calls, _ = requests.list_calls(call_service_pb2.ListCallsRequest(states=[number]))
    assert calls.states == {state}


def test_overrides_become_what_the_domain_asks_for() -> None:
    message = changed(CREATE, "agent.greeting.text", "Hi.")
    overrides = message.agent  # type: ignore[attr-defined]
    overrides.interruptible = False
    overrides.turn_detection.server_vad.threshold = 0.7
    asked = requests.create_room(message).agent.overrides  # type: ignore[arg-type]
    assert asked.greeting == GreetingChange(SayGreeting("Hi."))
    assert asked.interruptible is False
    assert asked.turn_detection == TurnsChange(ServerVad(threshold=0.7))
    assert (asked.instructions, asked.model, asked.voice, asked.speed) == (None,) * 4
    overrides.greeting.prompt = "Greet."
    overrides.turn_detection.semantic_vad.eagerness = agent_pb2.EAGERNESS_LOW
    asked = requests.create_room(message).agent.overrides  # type: ignore[arg-type]
    assert asked.greeting == GreetingChange(PromptGreeting("Greet."))
    assert asked.turn_detection == TurnsChange(SemanticVad("low"))
    overrides.greeting.user_first = True
    overrides.turn_detection.semantic_vad.eagerness = agent_pb2.EAGERNESS_UNSPECIFIED
    asked = requests.create_room(message).agent.overrides  # type: ignore[arg-type]
    assert asked.greeting == GreetingChange(UserFirst())
    assert asked.turn_detection == TurnsChange(SemanticVad("auto"))


def test_silence_steps_become_what_the_domain_asks_for() -> None:
    policy = agent_pb2.SilencePolicy()
    policy.steps.add(after=span(1), say="Hello?")
    policy.steps.add(after=span(2.5), prompt="Ask.")
    policy.steps.add(after=span(3), end=True)
    for steps in (
        (SilenceStep(1, "Hello?"), SilenceStep(2.5, None, "Ask."), SilenceStep(3, ends=True)),
        (),
    ):
        message = changed(CREATE, "agent.silence", policy)
        asked = requests.create_room(message).agent.overrides  # type: ignore[arg-type]
        assert asked.silence == steps
        policy.Clear()


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


def test_variables_reach_the_agent() -> None:
    message = changed(CREATE, "variables", {"order_id": "A-17"})
    assert requests.create_room(message).agent.variables == {"order_id": "A-17"}  # type: ignore[arg-type]
    message = changed(TOKEN, "variables", {"order_id": "A-17"})
    assert requests.model_token(message)[0].variables == {"order_id": "A-17"}  # type: ignore[arg-type]


def test_each_wrong_message_is_named_by_its_place() -> None:
    message = changed(JOIN, "initial_messages", [said("x"), said(" "), said("x", 0), said("x", 9)])
    assert wrong_fields(JOIN, message) == [
        "initial_messages[1].text",
        "initial_messages[2].role",
        "initial_messages[3].role",
    ]


def test_messages_keep_their_order_and_roles() -> None:
    told = [said("Be kind.", 1), said("Hello?", 2), said("Hi.", 3)]
    context = requests.create_room(changed(CREATE, "initial_messages", told)).context  # type: ignore[arg-type]
    assert context == (
        ContextItem(ItemRole.SYSTEM, "Be kind."),
        ContextItem(ItemRole.USER, "Hello?"),
        ContextItem(ItemRole.AGENT, "Hi."),
    )


@pytest.mark.parametrize(
    ("role", "text", "wrong"),
    [
        (call_service_pb2.CONTEXT_ROLE_SYSTEM, " ", "add_context.message.text"),
        (call_service_pb2.CONTEXT_ROLE_USER, "x" * 24_001, "add_context.message.text"),
        (call_service_pb2.CONTEXT_ROLE_UNSPECIFIED, "words", "add_context.message.role"),
    ],
)
def test_context_to_add_has_words_and_a_speaker(
    role: call_service_pb2.ContextRole.ValueType, text: str, wrong: str
) -> None:
    request = call_service_pb2.ControlCallRequest(connection_id="call-1")
    request.add_context.message.role = role
    request.add_context.message.text = text
    with pytest.raises(InvalidRequest) as refused:
        commands.control_call(request)
    assert [violation.field for violation in refused.value.violations] == [wrong]


@pytest.mark.parametrize("digits", ["", "1" * 33, "12 3", "a", "E", "\u0663"])
def test_what_are_no_keys_is_refused_by_its_field(digits: str) -> None:
    request = call_service_pb2.ControlCallRequest(connection_id="call-1")
    request.send_dtmf.digits = digits
    with pytest.raises(InvalidRequest) as refused:
        commands.control_call(request)
    assert [violation.field for violation in refused.value.violations] == ["send_dtmf.digits"]


def test_keys_are_read_in_their_order() -> None:
    request = call_service_pb2.ControlCallRequest(connection_id="call-1")
    request.send_dtmf.digits = "1*#D"
    assert commands.control_call(request)[2] == PressKeys("1*#D")


def test_a_budget_holds_what_was_given_and_nothing_else() -> None:
    asked = requests.create_room(changed(CREATE, "budget.max_tokens", 7))  # type: ignore[arg-type]
    assert asked.budget == Budget(max_tokens=7)
    assert requests.create_room(CREATE.right).budget == Budget()  # type: ignore[arg-type]


def test_a_request_may_say_how_much_is_kept() -> None:
    assert requests.create_room(CREATE.right).retention is None  # type: ignore[arg-type]
    for number, retention in enumerate(Retention, start=1):
        asked = requests.create_room(changed(CREATE, "retention", number))  # type: ignore[arg-type]
        assert asked.retention is retention


def test_a_recording_is_wanted_as_far_as_the_request_says() -> None:
    assert requests.create_room(CREATE.right).recording is None  # type: ignore[arg-type]
    asked = requests.create_room(changed(CREATE, "recording.paused", False))  # type: ignore[arg-type]
    assert asked.recording == RecordingChange(paused=False)
    asked = requests.create_room(changed(CREATE, "recording.format", 2))  # type: ignore[arg-type]
    assert asked.recording == RecordingChange(format=RecordingFormat.OGG_OPUS)


def test_whoever_wants_no_recording_cannot_say_how() -> None:
    message = changed(CREATE, "recording.enabled", False)
    assert wrong_fields(CREATE, message) == []
    message.recording.format = call_pb2.RECORDING_FORMAT_WAV  # type: ignore[attr-defined]
    assert wrong_fields(CREATE, message) == ["recording.enabled"]
