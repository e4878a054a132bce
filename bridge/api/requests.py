"""Requests become domain values here, once; what is wrong with them is said field by field."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from bridge.api import knowledge, overrides
from bridge.api.recording import recording
from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.calls.front.request import AskedLimits, CallRequest
from bridge.ids import ROOM_NAME_PATTERN, AgentId, ConnectionId, RoomName, TenantId
from bridge.ports.agent import (
    AgentRequest,
)
from bridge.ports.budget import MAX_BUDGET, Budget
from bridge.ports.call import CallState, StartPolicy
from bridge.ports.placement import CallFilter, RequestKey
from bridge.retention import Retention
from bridge.v1 import (
    call_pb2,
    call_service_pb2,
    model_service_pb2,
    telemetry_service_pb2,
)

MAX_ID: Final = 128
_MAX_NAME: Final = 128
_MAX_REQUEST_ID: Final = 64
_MAX_METADATA: Final = 32
_MAX_METADATA_KEY: Final = 64
_MAX_METADATA_VALUE: Final = 512
_MAX_SPOKEN: Final = 4096
_MAX_PAGE: Final = 1000
_DEFAULT_PAGE: Final = 100
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S
_DEFAULT_INTERVAL_S: Final = 5.0
_DEFAULT_KEY_TTL_S: Final = _MINUTE_S


_CallAsked = call_service_pb2.CreateRoomRequest | call_service_pb2.JoinRoomRequest


def create_room(request: call_service_pb2.CreateRoomRequest) -> CallRequest:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.require("agent_id", request.agent_id)
    room_name = _room_name(request.room_name, wrong) if request.room_name else None
    asked = _call_request(request, room_name, wrong)
    wrong.check()
    return asked


def join_room(request: call_service_pb2.JoinRoomRequest) -> tuple[CallRequest, RoomName]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.require("room_name", request.room_name)
    room_name = _room_name(request.room_name, wrong)
    asked = _call_request(request, room_name, wrong)
    wrong.check()
    return asked, room_name


def connection_id(value: str) -> ConnectionId:
    """
    :raises InvalidRequest: it is missing or no identifier.
    """
    wrong = Violations()
    found = checked_connection_id(value, wrong)
    wrong.check()
    return found


def watch(request: call_service_pb2.WatchEventsRequest) -> tuple[ConnectionId, int]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    found = checked_connection_id(request.connection_id, wrong)
    if request.after_sequence < 0:
        wrong.add("after_sequence", "must not be negative")
    wrong.check()
    return found, request.after_sequence


def list_calls(request: call_service_pb2.ListCallsRequest) -> tuple[CallFilter, int]:
    """Return the filter and the page's size.

    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.text("tenant_id", request.tenant_id, MAX_ID)
    wrong.text("agent_id", request.agent_id, MAX_ID)
    check_metadata("metadata", request.metadata, wrong)
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
    tenant_id = _tenant_id(request.tenant_id, wrong)
    wrong.check()
    return tenant_id


def telemetry(
    request: telemetry_service_pb2.StreamTelemetryRequest,
) -> tuple[ConnectionId | None, TenantId | None, float]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    wrong.text("tenant_id", request.tenant_id, MAX_ID)
    watched = checked_connection_id(request.connection_id, wrong) if request.connection_id else None
    interval_s = span(request, "interval", 0.1, _MINUTE_S, wrong)
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
        agent_id=_agent_id(request.agent_id, wrong),
        tenant_id=_tenant_id(request.tenant_id, wrong),
        language=_language(request.voice_language, wrong),
        variables=knowledge.variables(request.variables, wrong),
    )
    ttl_s = span(request, "ttl", 10.0, 2 * _HOUR_S, wrong)
    wrong.check()
    return agent, int(ttl_s or _DEFAULT_KEY_TTL_S)


def _call_request(
    request: _CallAsked, room_name: RoomName | None, wrong: Violations
) -> CallRequest:
    wrong.require("participant_name", request.participant_name.strip())
    wrong.text("participant_name", request.participant_name, _MAX_NAME)
    check_metadata("metadata", request.metadata, wrong)
    agent = AgentRequest(
        agent_id=_agent_id(request.agent_id, wrong),
        tenant_id=_tenant_id(request.tenant_id, wrong),
        caller_name=request.participant_name.strip(),
        language=_language(request.voice_language, wrong),
        overrides=overrides.parse(request.agent, wrong),
        variables=knowledge.variables(request.variables, wrong),
    )
    return CallRequest(
        agent=agent,
        caller_name=request.participant_name.strip(),
        token_ttl_s=span(request, "token_ttl", 30.0, _DAY_S, wrong),
        room_name=room_name,
        request_key=_request_key(request, wrong),
        metadata=dict(request.metadata),
        limits=AskedLimits(
            join_timeout_s=_limit(request.limits, "join_timeout", 1.0, _HOUR_S, wrong),
            max_duration_s=_limit(request.limits, "max_duration", 1.0, _DAY_S, wrong),
            rejoin_grace_s=_limit(request.limits, "rejoin_grace", 0.0, 10 * _MINUTE_S, wrong),
            time_exceeded_text=_time_exceeded_text(request.limits, wrong),
        ),
        start_policy=_start_policy(request.start_policy, wrong),
        prior_connection_id=knowledge.prior(request.prior_connection_id, wrong),
        context=knowledge.context(request.initial_messages, wrong),
        budget=_budget(request, wrong),
        recording=recording(request, wrong),
        retention=_retention(request.retention, wrong),
    )


def _request_key(request: _CallAsked, wrong: Violations) -> RequestKey | None:
    if not request.request_id:
        return None
    if not (request.request_id.isascii() and request.request_id.isprintable()):
        wrong.add("request_id", "must be printable ASCII")
    if len(request.request_id) > _MAX_REQUEST_ID:
        wrong.add("request_id", f"at most {_MAX_REQUEST_ID} characters")
    # The method's name is in it: the same fields asked of another method are another request.
    digest = hashlib.sha256(request.DESCRIPTOR.full_name.encode())
    digest.update(request.SerializeToString(deterministic=True))
    return RequestKey(TenantId(request.tenant_id), request.request_id, digest.digest())


def checked_connection_id(value: str, wrong: Violations) -> ConnectionId:
    wrong.require("connection_id", value)
    wrong.text("connection_id", value, MAX_ID)
    return ConnectionId(value)


def _agent_id(value: str, wrong: Violations) -> AgentId:
    wrong.text("agent_id", value, MAX_ID)
    return AgentId(value)


def _tenant_id(value: str, wrong: Violations) -> TenantId:
    wrong.text("tenant_id", value, MAX_ID)
    return TenantId(value)


def _room_name(value: str, wrong: Violations) -> RoomName:
    if value and not ROOM_NAME_PATTERN.fullmatch(value):
        wrong.add(
            "room_name",
            'at most 128 letters, digits, "_", "-" and "."; the first a letter or digit',
        )
    return RoomName(value)


def _language(value: str, wrong: Violations) -> str | None:
    if not value:
        return None
    if not _LANGUAGE.fullmatch(value):
        wrong.add("voice_language", 'must be a BCP-47 tag such as "en" or "es-MX"')
    return value


def _start_policy(value: int, wrong: Violations) -> StartPolicy | None:
    match value:
        case call_pb2.START_POLICY_UNSPECIFIED:
            return None
        case call_pb2.START_POLICY_ON_CREATE:
            return StartPolicy.ON_CREATE
        case call_pb2.START_POLICY_ON_JOIN:
            return StartPolicy.ON_JOIN
        case call_pb2.START_POLICY_VOICE_ON_MICROPHONE:
            return StartPolicy.VOICE_ON_MICROPHONE
        case _:
            wrong.add("start_policy", "unknown value")
            return None


def _retention(value: int, wrong: Violations) -> Retention | None:
    if value == call_service_pb2.RETENTION_UNSPECIFIED:
        return None
    try:
        name = call_service_pb2.Retention.Name(value)  # type: ignore[arg-type]
    except ValueError:
        wrong.add("retention", "unknown value")
        return None
    return Retention[name.removeprefix("RETENTION_")]


def _states(values: Iterable[int], wrong: Violations) -> Iterable[CallState]:
    for value in values:
        try:
            name = call_pb2.CallState.Name(value)  # type: ignore[arg-type]
            yield CallState[name.removeprefix("CALL_STATE_")]
        except (ValueError, KeyError):
            wrong.add("states", f"{value} is no state of a call")


def check_metadata(field: str, metadata: Mapping[str, str], wrong: Violations) -> None:
    if len(metadata) > _MAX_METADATA:
        wrong.add(field, f"at most {_MAX_METADATA} entries")
    for key, value in metadata.items():
        if not 1 <= len(key) <= _MAX_METADATA_KEY:
            wrong.add(field, f"keys must have 1 to {_MAX_METADATA_KEY} characters")
        if len(value) > _MAX_METADATA_VALUE:
            wrong.add(field, f"values must have at most {_MAX_METADATA_VALUE} characters")


def _budget(request: _CallAsked, wrong: Violations) -> Budget:
    asked = request.budget
    return Budget(
        max_tokens=_amount(asked, "max_tokens", wrong),
        max_micro_units=_amount(asked, "max_micro_units", wrong),
    )


def _amount(
    asked: call_pb2.Budget, name: Literal["max_tokens", "max_micro_units"], wrong: Violations
) -> int | None:
    if not asked.HasField(name):
        return None
    most: int = getattr(asked, name)
    if not 1 <= most <= MAX_BUDGET:
        wrong.add(f"budget.{name}", f"must be 1 to {MAX_BUDGET}")
    return most


def _limit(
    limits: call_pb2.CallLimits, name: str, least_s: float, most_s: float, wrong: Violations
) -> float | None:
    return span(limits, name, least_s, most_s, wrong, prefix="limits.")


def _time_exceeded_text(limits: call_pb2.CallLimits, wrong: Violations) -> str | None:
    text = limits.time_exceeded_text
    if len(text) > _MAX_SPOKEN:
        wrong.add("limits.time_exceeded_text", f"at most {_MAX_SPOKEN} characters")
    return text.strip() or None
