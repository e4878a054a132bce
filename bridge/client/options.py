"""What may be said about a new call beyond who speaks to whom."""

from collections.abc import Iterable, Mapping
from typing import TypedDict

from bridge.v1.agent_pb2 import AgentOverrides
from bridge.v1.call_pb2 import Budget, CallLimits, RecordingOptions, StartPolicy
from bridge.v1.call_service_pb2 import ContextMessage


class CallOptions(TypedDict, total=False):
    """Fields of CreateRoomRequest and JoinRoomRequest; see the proto's comments."""

    voice_language: str
    tenant_id: str
    request_id: str
    metadata: Mapping[str, str]
    agent: AgentOverrides
    limits: CallLimits
    start_policy: StartPolicy.ValueType
    variables: Mapping[str, str]
    budget: Budget
    recording: RecordingOptions
    prior_connection_id: str
    initial_messages: Iterable[ContextMessage]


class RoomOptions(CallOptions, total=False):
    """As CallOptions, and the name of the room to create."""

    room_name: str
