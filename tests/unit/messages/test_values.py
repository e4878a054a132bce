"""Every domain value that crosses between processes arrives as it left."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.messages.values import decode, encode
from bridge.ports import control
from bridge.ports.call import CallSpec, CallView
from bridge.ports.host import HostStatus
from bridge.ports.report import CallReport
from bridge.ports.telemetry import CallTelemetry
from bridge.ports.tool import ToolFailure, ToolInvocation, ToolOutput, ToolSpec
from tests.fakes.agents import SPEC

# What JSON can carry, and the domain holds.
_INTEGERS = st.integers(-(2**53), 2**53)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
_OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    int: _INTEGERS,
    float: _FLOATS,
    object: _JSON,
}
CROSSING = [
    CallSpec,
    CallView,
    CallReport,
    CallTelemetry,
    HostStatus,
    ToolSpec,
    ToolInvocation,
    ToolOutput,
    ToolFailure,
    *control.Command.__args__,
    *control.ControlOutcome.__args__,
]


@pytest.fixture(autouse=True, scope="module")
def _strategies() -> None:
    for kind, strategy in _OF_TYPE.items():
        st.register_type_strategy(kind, strategy)


@pytest.mark.parametrize("kind", CROSSING)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_value_of_every_kind_arrives_as_it_left(kind: type, data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    assert decode(kind, encode(value)) == value


def test_member_of_a_union_arrives_as_that_member_also_where_its_fields_are_another_s() -> None:
    for command in (control.Interrupt(), control.EndSoftly(), control.EndSoftly("Bye.")):
        assert decode(control.Command, encode(command, control.Command)) == command


def test_payload_with_a_field_that_nobody_knows_is_refused() -> None:
    payload = encode(SPEC).replace(b'"room_name"', b'"room_nmae"')
    with pytest.raises(ValueError, match="of this release"):
        decode(CallSpec, payload)
