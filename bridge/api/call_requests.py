"""What does whoever asks for a call want of it? What is wrong with that is said field by field."""

import hashlib
from typing import Final, Literal

from bridge.api import fields, knowledge, overrides
from bridge.api.recording import recording
from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.calls.front.request import AskedLimits, CallRequest
from bridge.durations import (
    JOIN_TIMEOUT_RANGE_S,
    MAX_DURATION_RANGE_S,
    REJOIN_GRACE_RANGE_S,
    TOKEN_TTL_RANGE_S,
)
from bridge.ids import ROOM_NAME_PATTERN, RoomName, TenantId
from bridge.ports.agent import AgentRequest
from bridge.ports.budget import MAX_BUDGET, Budget
from bridge.ports.call import StartPolicy
from bridge.ports.placement import RequestKey
from bridge.retention import Retention
from bridge.v1 import call_pb2, call_service_pb2

_MAX_NAME: Final = 128
_MAX_REQUEST_ID: Final = 64
_MAX_SPOKEN: Final = 4096
_MAX_ENDPOINTS: Final = 16

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


def _call_request(
    request: _CallAsked, room_name: RoomName | None, wrong: Violations
) -> CallRequest:
    wrong.require("participant_name", request.participant_name.strip())
    wrong.text("participant_name", request.participant_name, _MAX_NAME)
    fields.metadata("metadata", request.metadata, wrong)
    agent = AgentRequest(
        agent_id=fields.agent_id(request.agent_id, wrong),
        tenant_id=fields.tenant_id(request.tenant_id, wrong),
        caller_name=request.participant_name.strip(),
        language=fields.language(request.voice_language, wrong),
        overrides=overrides.parse(request.agent, wrong),
        variables=knowledge.variables(request.variables, wrong),
    )
    return CallRequest(
        agent=agent,
        caller_name=request.participant_name.strip(),
        token_ttl_s=span(request, "token_ttl", *TOKEN_TTL_RANGE_S, wrong),
        room_name=room_name,
        request_key=_request_key(request, wrong),
        metadata=dict(request.metadata),
        limits=AskedLimits(
            join_timeout_s=_limit(request.limits, "join_timeout", JOIN_TIMEOUT_RANGE_S, wrong),
            max_duration_s=_limit(request.limits, "max_duration", MAX_DURATION_RANGE_S, wrong),
            rejoin_grace_s=_limit(request.limits, "rejoin_grace", REJOIN_GRACE_RANGE_S, wrong),
            time_exceeded_text=_time_exceeded_text(request.limits, wrong),
        ),
        start_policy=_start_policy(request.start_policy, wrong),
        prior_connection_id=knowledge.prior(request.prior_connection_id, wrong),
        context=knowledge.context(request.initial_messages, wrong),
        budget=_budget(request, wrong),
        recording=recording(request, wrong),
        retention=_retention(request.retention, wrong),
        webhooks=_webhooks(request, wrong),
    )


def _webhooks(request: _CallAsked, wrong: Violations) -> frozenset[str] | None:
    if not request.HasField("webhooks"):
        return None
    if len(request.webhooks.endpoints) > _MAX_ENDPOINTS:
        wrong.add("webhooks.endpoints", f"at most {_MAX_ENDPOINTS}")
    return frozenset(request.webhooks.endpoints)


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


def _room_name(value: str, wrong: Violations) -> RoomName:
    if value and not ROOM_NAME_PATTERN.fullmatch(value):
        wrong.add(
            "room_name",
            'at most 128 letters, digits, "_", "-" and "."; the first a letter or digit',
        )
    return RoomName(value)


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
    limits: call_pb2.CallLimits, name: str, range_s: tuple[float, float], wrong: Violations
) -> float | None:
    return span(limits, name, *range_s, wrong, prefix="limits.")


def _time_exceeded_text(limits: call_pb2.CallLimits, wrong: Violations) -> str | None:
    text = limits.time_exceeded_text
    if len(text) > _MAX_SPOKEN:
        wrong.add("limits.time_exceeded_text", f"at most {_MAX_SPOKEN} characters")
    return text.strip() or None
