"""What of a message may be logged."""

import json
import re

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from bridge.api.redact import redacted
from bridge.v1 import call_service_pb2, event_pb2, report_pb2
from tests.unit.api.descriptors import fields, is_sensitive

_SPOKEN = "my card number is 4111"
_SPEECH_OR_SECRET = re.compile(
    r"(^|_)(text|instructions|prompt|transcript|token|jwt|key|secret|password|audio)(_|$)"
)
# They speak of such things without holding them.
_HARMLESS = {
    "page_token",
    "next_page_token",
    "first_agent_audio",
}


def named(field: FieldDescriptor) -> str:
    return str(field.full_name)


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@pytest.mark.parametrize("field", [f for f in fields() if is_sensitive(f)], ids=named)
def test_only_strings_and_maps_to_strings_are_marked(field: FieldDescriptor) -> None:
    if (entry := field.message_type) is not None and is_map(field):
        field = entry.fields_by_name["value"]
    assert field.type == FieldDescriptor.TYPE_STRING
    assert not field.is_repeated


@pytest.mark.parametrize("field", [f for f in fields() if is_sensitive(f)], ids=named)
def test_what_is_marked_shows_its_length_alone(field: FieldDescriptor) -> None:
    assert field.containing_type is not None
    message = GetMessageClass(field.containing_type)()
    length: object = f"[{len(_SPOKEN)} characters]"
    if is_map(field):
        getattr(message, field.name)["k"] = _SPOKEN
        length = {"k": length}
    else:
        setattr(message, field.name, _SPOKEN)
    before = type(message).FromString(message.SerializeToString())
    assert redacted(message) == {field.name: length}
    assert message == before, "the message itself stays as it is"


@pytest.mark.parametrize(
    "field",
    [
        f
        for f in fields()
        if f.type == FieldDescriptor.TYPE_STRING
        and _SPEECH_OR_SECRET.search(f.name)
        and f.name not in _HARMLESS
    ],
    ids=named,
)
def test_fields_that_sound_like_speech_or_secrets_are_marked(field: FieldDescriptor) -> None:
    assert is_sensitive(field)


def test_the_model_s_key_is_marked() -> None:
    (value,) = [f for f in fields() if named(f).endswith("CreateModelTokenResponse.value")]
    assert is_sensitive(value)


def test_sensitive_fields_are_hidden_at_any_depth() -> None:
    ended = call_service_pb2.WatchEventsResponse()
    for _ in range(2):
        turn = ended.event.ended.report.turns.add()
        turn.user_text = turn.agent_text = _SPOKEN
    create = call_service_pb2.CreateRoomRequest(participant_name="Ada")
    create.agent.instructions = create.agent.greeting.text = _SPOKEN
    transcript = event_pb2.CallEvent(transcript=event_pb2.Transcript(item_id="i", text=_SPOKEN))
    for message in (ended, create, transcript):
        shown = json.dumps(redacted(message))
        assert _SPOKEN not in shown
        assert "[22 characters]" in shown


def test_the_rest_is_shown_by_its_proto_names() -> None:
    report = report_pb2.CallReport()
    report.call.connection_id = "call-1"
    report.call.metadata["k"] = "v"
    assert redacted(report) == {"call": {"connection_id": "call-1", "metadata": {"k": "v"}}}


def test_spans_that_are_none_are_shown_all_the_same() -> None:
    request = call_service_pb2.CreateRoomRequest(participant_name="Ada")
    request.agent.instructions = _SPOKEN
    request.token_ttl.seconds = 10**15
    request.token_ttl.nanos = -1
    shown = str(redacted(request))
    assert "Ada" in shown
    assert _SPOKEN not in shown
