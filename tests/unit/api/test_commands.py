"""What a gateway may tell a running call to do."""

import pytest

from bridge.api import commands
from bridge.errors import InvalidRequest
from bridge.ports.control import PressKeys
from bridge.v1 import call_service_pb2


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
