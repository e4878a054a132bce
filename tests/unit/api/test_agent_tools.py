"""What a request's tools may hold, field by field, named as in the proto."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from bridge.api import call_requests
from bridge.errors import InvalidRequest
from bridge.ports.tool import ToolMode, ToolReaction, ToolSpec
from bridge.v1 import agent_pb2, call_service_pb2

CITY = '{"type":"object","properties":{"city":{"type":"string"}}}'


def request(*tools: agent_pb2.Tool) -> call_service_pb2.CreateRoomRequest:
    made = call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="greeter")
    made.agent.tools.tools.extend(tools)
    return made


def tool(**fields: Any) -> agent_pb2.Tool:
    return agent_pb2.Tool(**{"name": "weather", "description": "Tells it.", **fields})


def parsed(*tools: agent_pb2.Tool) -> tuple[ToolSpec, ...]:
    overrides = call_requests.create_room(request(*tools)).agent.overrides
    assert overrides.tools is not None
    return overrides.tools


def wrong_fields(*tools: agent_pb2.Tool) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        call_requests.create_room(request(*tools))
    return [violation.field for violation in refused.value.violations]


def test_smallest_tool_is_the_port_s_default() -> None:
    assert parsed(tool()) == (
        ToolSpec("weather", "Tells it.", {"type": "object", "properties": {}}),
    )


def test_every_field_is_read() -> None:
    whole = tool(
        parameters_json=CITY,
        timeout=Duration(seconds=60),
        mode=agent_pb2.TOOL_MODE_ASYNC,
        reaction=agent_pb2.TOOL_REACTION_SPEAK_IF_SILENT,
        terminal=True,
        cancel_on_interruption=True,
        filler_text="Hm.",
        filler_after=Duration(nanos=500_000_000),
        timeout_text="Sorry.",
    )
    assert parsed(whole) == (
        ToolSpec(
            name="weather",
            description="Tells it.",
            parameters={"type": "object", "properties": {"city": {"type": "string"}}},
            timeout_s=60.0,
            mode=ToolMode.ASYNC,
            reaction=ToolReaction.SPEAK_IF_SILENT,
            terminal=True,
            cancel_on_interruption=True,
            filler_text="Hm.",
            filler_after_s=0.5,
            timeout_text="Sorry.",
        ),
    )


def test_call_that_gives_no_tools_changes_none() -> None:
    plain = call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="greeter")
    assert call_requests.create_room(plain).agent.overrides.tools is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a b"),
        ("name", "ü"),
        ("name", "x\n"),
        ("name", "x" * 65),
        ("description", ""),
        ("description", " "),
        ("description", "x" * 1025),
        ("parameters_json", "{"),
        ("parameters_json", "[]"),
        ("parameters_json", '{"type":"array"}'),
        ("parameters_json", '{"type":"object","properties":{"a":{"type":"text"}}}'),
        ("parameters_json", '{"type":"object","title":"' + "x" * 16_384 + '"}'),
        ("parameters_json", "[" * 16_000),
        ("timeout", Duration(nanos=999_999_999)),
        ("timeout", Duration(seconds=601)),
        ("timeout", Duration(seconds=-1)),
        ("mode", 3),
        ("reaction", -1),
        ("filler_text", "  "),
        ("filler_text", "x" * 513),
        ("filler_after", Duration(seconds=1)),
        ("timeout_text", "x" * 513),
    ],
)
def test_wrong_field_is_named(field: str, value: object) -> None:
    assert wrong_fields(tool(**{field: value})) == [f"agent.tools.tools[0].{field}"]


@pytest.mark.parametrize("after", [Duration(nanos=99_999_999), Duration(seconds=10)])
def test_filler_comes_before_the_time_is_up(after: Duration) -> None:
    slow = tool(filler_text="Hm.", filler_after=after)
    assert wrong_fields(slow) == ["agent.tools.tools[0].filler_after"]


def test_number_and_size_are_bounded() -> None:
    assert wrong_fields(*[tool(name=f"t{n}") for n in range(33)]) == ["agent.tools.tools"]
    large = '{"type":"object","title":"' + "x" * 16_000 + '"}'
    many = [tool(name=f"t{n}", parameters_json=large) for n in range(5)]
    assert wrong_fields(*many) == ["agent.tools.tools"]
    assert len(parsed(*many[:4])) == 4
    made = request()
    made.agent.tools.SetInParent()
    with pytest.raises(InvalidRequest):
        call_requests.create_room(made)


def test_two_tools_cannot_have_one_name() -> None:
    assert wrong_fields(tool(), tool(name="b"), tool()) == ["agent.tools.tools[2].name"]
