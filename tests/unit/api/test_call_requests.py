"""What the domain is asked for by whoever asks for a call."""

from typing import Any

from bridge.api import call_requests, requests
from bridge.ports.agent import (
    GreetingChange,
    PromptGreeting,
    SayGreeting,
    SilenceStep,
    TurnsChange,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.call import StartPolicy
from bridge.ports.model_config import ContextItem, ItemRole, SemanticVad, ServerVad
from bridge.ports.recording import RecordingChange, RecordingFormat
from bridge.retention import Retention
from bridge.v1 import agent_pb2, call_pb2, call_service_pb2
from tests.unit.api.rpcs import CREATE, JOIN, LIST, TELEMETRY, TOKEN, Rpc, changed, said, span


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
    asked = call_requests.create_room(message)
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
    asked = call_requests.create_room(CREATE.right)  # type: ignore[arg-type]
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


def test_overrides_become_what_the_domain_asks_for() -> None:
    message = changed(CREATE, "agent.greeting.text", "Hi.")
    overrides = message.agent  # type: ignore[attr-defined]
    overrides.interruptible = False
    overrides.turn_detection.server_vad.threshold = 0.7
    asked = call_requests.create_room(message).agent.overrides  # type: ignore[arg-type]
    assert asked.greeting == GreetingChange(SayGreeting("Hi."))
    assert asked.interruptible is False
    assert asked.turn_detection == TurnsChange(ServerVad(threshold=0.7))
    assert (asked.instructions, asked.model, asked.voice, asked.speed) == (None,) * 4
    overrides.greeting.prompt = "Greet."
    overrides.turn_detection.semantic_vad.eagerness = agent_pb2.EAGERNESS_LOW
    asked = call_requests.create_room(message).agent.overrides  # type: ignore[arg-type]
    assert asked.greeting == GreetingChange(PromptGreeting("Greet."))
    assert asked.turn_detection == TurnsChange(SemanticVad("low"))
    overrides.greeting.user_first = True
    overrides.turn_detection.semantic_vad.eagerness = agent_pb2.EAGERNESS_UNSPECIFIED
    asked = call_requests.create_room(message).agent.overrides  # type: ignore[arg-type]
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
        asked = call_requests.create_room(message).agent.overrides  # type: ignore[arg-type]
        assert asked.silence == steps
        policy.Clear()


def test_variables_reach_the_agent() -> None:
    message = changed(CREATE, "variables", {"order_id": "A-17"})
    assert call_requests.create_room(message).agent.variables == {"order_id": "A-17"}  # type: ignore[arg-type]
    message = changed(TOKEN, "variables", {"order_id": "A-17"})
    assert requests.model_token(message)[0].variables == {"order_id": "A-17"}  # type: ignore[arg-type]


def test_messages_keep_their_order_and_roles() -> None:
    told = [said("Be kind.", 1), said("Hello?", 2), said("Hi.", 3)]
    context = call_requests.create_room(changed(CREATE, "initial_messages", told)).context  # type: ignore[arg-type]
    assert context == (
        ContextItem(ItemRole.SYSTEM, "Be kind."),
        ContextItem(ItemRole.USER, "Hello?"),
        ContextItem(ItemRole.AGENT, "Hi."),
    )


def test_a_budget_holds_what_was_given_and_nothing_else() -> None:
    asked = call_requests.create_room(changed(CREATE, "budget.max_tokens", 7))  # type: ignore[arg-type]
    assert asked.budget == Budget(max_tokens=7)
    assert call_requests.create_room(CREATE.right).budget == Budget()  # type: ignore[arg-type]


def test_a_request_may_say_how_much_is_kept() -> None:
    assert call_requests.create_room(CREATE.right).retention is None  # type: ignore[arg-type]
    for number, retention in enumerate(Retention, start=1):
        asked = call_requests.create_room(changed(CREATE, "retention", number))  # type: ignore[arg-type]
        assert asked.retention is retention


def test_a_recording_is_wanted_as_far_as_the_request_says() -> None:
    assert call_requests.create_room(CREATE.right).recording is None  # type: ignore[arg-type]
    asked = call_requests.create_room(changed(CREATE, "recording.paused", False))  # type: ignore[arg-type]
    assert asked.recording == RecordingChange(paused=False)
    asked = call_requests.create_room(changed(CREATE, "recording.format", 2))  # type: ignore[arg-type]
    assert asked.recording == RecordingChange(format=RecordingFormat.OGG_OPUS)
