"""Requests about calls, agents and figures become domain values here, once."""

from collections.abc import Iterable
from typing import Final

from bridge.api import fields, knowledge
from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.ports.agent import AgentRequest
from bridge.ports.call import CallState
from bridge.ports.placement import CallFilter
from bridge.v1 import call_pb2, call_service_pb2, model_service_pb2, telemetry_service_pb2

_MAX_PAGE: Final = 1000
_DEFAULT_PAGE: Final = 100
_DEFAULT_INTERVAL_S: Final = 5.0
_DEFAULT_KEY_TTL_S: Final = 60.0


def connection_id(value: str) -> ConnectionId:
    """
    :raises InvalidRequest: it is missing or no identifier.
    """
    wrong = Violations()
    found = fields.connection_id(value, wrong)
    wrong.check()
    return found


def watch(request: call_service_pb2.WatchEventsRequest) -> tuple[ConnectionId, int]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    found = fields.connection_id(request.connection_id, wrong)
    if request.after_sequence < 0:
        wrong.add("after_sequence", "must not be negative")
    wrong.check()
    return found, request.after_sequence


def list_calls(request: call_service_pb2.ListCallsRequest) -> tuple[CallFilter, int]:
    """Return the filter and the page's size.

    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.text("tenant_id", request.tenant_id, fields.MAX_ID)
    wrong.text("agent_id", request.agent_id, fields.MAX_ID)
    fields.metadata("metadata", request.metadata, wrong)
    if not 0 <= request.page_size <= _MAX_PAGE:
        wrong.add("page_size", f"must be 1 to {_MAX_PAGE}")
    states = frozenset(_states(request.states, wrong))
    wrong.check()
    calls = CallFilter(
        states=states,
        tenant_id=TenantId(request.tenant_id) if request.tenant_id else None,
        agent_id=AgentId(request.agent_id) if request.agent_id else None,
        metadata=dict(request.metadata),
    )
    return calls, request.page_size or _DEFAULT_PAGE


def list_agents(request: call_service_pb2.ListAgentsRequest) -> TenantId:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    tenant_id = fields.tenant_id(request.tenant_id, wrong)
    wrong.check()
    return tenant_id


def telemetry(
    request: telemetry_service_pb2.StreamTelemetryRequest,
) -> tuple[ConnectionId | None, TenantId | None, float]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.text("tenant_id", request.tenant_id, fields.MAX_ID)
    watched = fields.connection_id(request.connection_id, wrong) if request.connection_id else None
    interval_s = span(request, "interval", 0.1, 60.0, wrong)
    wrong.check()
    tenant_id = TenantId(request.tenant_id) if request.tenant_id else None
    return watched, tenant_id, interval_s or _DEFAULT_INTERVAL_S


def model_token(
    request: model_service_pb2.CreateModelTokenRequest,
) -> tuple[AgentRequest, int]:
    """Return for which agent, and for how many seconds.

    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.require("agent_id", request.agent_id)
    agent = AgentRequest(
        agent_id=fields.agent_id(request.agent_id, wrong),
        tenant_id=fields.tenant_id(request.tenant_id, wrong),
        language=fields.language(request.voice_language, wrong),
        variables=knowledge.variables(request.variables, wrong),
    )
    ttl_s = span(request, "ttl", 10.0, 7_200.0, wrong)
    wrong.check()
    return agent, int(ttl_s or _DEFAULT_KEY_TTL_S)


def _states(values: Iterable[int], wrong: Violations) -> Iterable[CallState]:
    for value in values:
        try:
            name = call_pb2.CallState.Name(value)  # type: ignore[arg-type]
            yield CallState[name.removeprefix("CALL_STATE_")]
        except (ValueError, KeyError):
            wrong.add("states", f"{value} is no state of a call")
