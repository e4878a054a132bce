"""What is known of a call: what was asked for, where it is, how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from bridge.ids import ConnectionId, Identity, RoomName, TenantId
from bridge.ports.agent import ResolvedAgent
from bridge.ports.budget import Budget
from bridge.ports.money import CallPrices, Cost
from bridge.ports.recording import RecordingPlan
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from bridge.retention import Retention


class CallState(Enum):
    """Where a call is in its life."""

    CREATED = "created"
    WAITING = "waiting"
    ACTIVE = "active"
    RECONNECTING = "reconnecting"
    ENDING = "ending"
    ENDED = "ended"


class AgentState(Enum):
    """What the agent is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    TOOL = "tool"
    """It waits for a tool that it has called."""


class StartPolicy(Enum):
    """When the model's session is opened, and the agent's track published."""

    ON_CREATE = "on_create"
    ON_JOIN = "on_join"
    """The session, when the first caller comes."""
    VOICE_ON_MICROPHONE = "voice_on_microphone"
    """The track, when a caller's microphone is heard, or some time after the first one came."""


class EndReason(Enum):
    """Why a call ended."""

    PARTICIPANT_LEFT = "participant_left"
    API_ENDED = "api_ended"
    MAX_DURATION = "max_duration"
    JOIN_TIMEOUT = "join_timeout"
    PARTICIPANT_LOST = "participant_lost"
    PARTICIPANT_REMOVED = "participant_removed"
    DUPLICATE_IDENTITY = "duplicate_identity"
    ROOM_DELETED = "room_deleted"
    MEDIA_CONNECT_FAILED = "media_connect_failed"
    MEDIA_LOST = "media_lost"
    MODEL_AUTH = "model_auth"
    MODEL_QUOTA = "model_quota"
    MODEL_RATE_LIMITED = "model_rate_limited"
    MODEL_CONFIG_REJECTED = "model_config_rejected"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_LOST = "model_lost"
    MODEL_SESSION_EXPIRED = "model_session_expired"
    IDLE_TIMEOUT = "idle_timeout"
    SERVER_DRAINING = "server_draining"
    WORKER_LOST = "worker_lost"
    INTERNAL = "internal"
    AGENT_ENDED = "agent_ended"
    BUDGET_EXCEEDED = "budget_exceeded"


class Fault(Enum):
    """Who is to blame for an end."""

    NONE = "none"
    CALLER = "caller"
    GATEWAY = "gateway"
    MEDIA = "media"
    MODEL = "model"
    SERVER = "server"


FAULT_OF: Mapping[EndReason, Fault] = {
    EndReason.PARTICIPANT_LEFT: Fault.NONE,
    EndReason.API_ENDED: Fault.NONE,
    EndReason.MAX_DURATION: Fault.NONE,
    EndReason.JOIN_TIMEOUT: Fault.CALLER,
    EndReason.PARTICIPANT_LOST: Fault.CALLER,
    EndReason.PARTICIPANT_REMOVED: Fault.GATEWAY,
    EndReason.DUPLICATE_IDENTITY: Fault.GATEWAY,
    EndReason.ROOM_DELETED: Fault.GATEWAY,
    EndReason.MEDIA_CONNECT_FAILED: Fault.MEDIA,
    EndReason.MEDIA_LOST: Fault.MEDIA,
    EndReason.MODEL_AUTH: Fault.MODEL,
    EndReason.MODEL_QUOTA: Fault.MODEL,
    EndReason.MODEL_RATE_LIMITED: Fault.MODEL,
    EndReason.MODEL_CONFIG_REJECTED: Fault.MODEL,
    EndReason.MODEL_UNAVAILABLE: Fault.MODEL,
    EndReason.MODEL_LOST: Fault.MODEL,
    EndReason.MODEL_SESSION_EXPIRED: Fault.MODEL,
    EndReason.IDLE_TIMEOUT: Fault.NONE,
    EndReason.SERVER_DRAINING: Fault.SERVER,
    EndReason.WORKER_LOST: Fault.SERVER,
    EndReason.INTERNAL: Fault.SERVER,
    EndReason.AGENT_ENDED: Fault.NONE,
    # It was agreed that it would end so.
    EndReason.BUDGET_EXCEEDED: Fault.NONE,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call ended. `detail` is for people and holds no spoken word."""

    reason: EndReason
    detail: str = ""

    @property
    def fault(self) -> Fault:
        return FAULT_OF[self.reason]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long things may take, in seconds."""

    join_timeout_s: float
    max_duration_s: float
    rejoin_grace_s: float
    time_exceeded_text: str | None = field(default=None, repr=False)
    """Said before the call ends because its time is up."""


@dataclass(frozen=True, slots=True)
class CallSpec:
    """All a host needs to carry a call."""

    connection_id: ConnectionId
    room_name: RoomName
    foreign_room: bool
    """The room was not made by the bridge, and is left standing at the end."""
    tenant_id: TenantId
    request_id: str
    caller_identity: Identity
    caller_name: str
    agent: ResolvedAgent
    limits: CallLimits
    start_policy: StartPolicy
    metadata: Mapping[str, str]
    created_at: datetime
    prices: CallPrices | None = None
    """What it is charged, also when prices change meanwhile; None: not known."""
    budget: Budget = field(default_factory=Budget)
    tenant_budget: Budget = field(default_factory=Budget)
    """What its tenant may spend in a day, in all its calls."""
    recording: RecordingPlan | None = None
    retention: Retention = Retention.ALL
    """What may be stored of it, at most."""
    webhooks: frozenset[str] | None = None
    """The endpoints that are sent its events; None: those that do not wait to be asked for."""


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """A human who is, or was, in the room."""

    identity: Identity
    name: str
    connected: bool
    microphone_on: bool
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as it is now."""

    spec: CallSpec
    host_id: str
    state: CallState = CallState.CREATED
    agent_state: AgentState = AgentState.IDLE
    ending: Ending | None = None
    media_ready_at: datetime | None = None
    model_ready_at: datetime | None = None
    joined_at: datetime | None = None
    first_agent_audio_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    last_activity_at: datetime | None = None
    active_duration_s: float = 0.0
    participants: tuple[ParticipantView, ...] = ()
    usage: TokenCounts = field(default_factory=TokenCounts)
    transcription: TranscriptionUsage = field(default_factory=TranscriptionUsage)
    last_sequence: int = 0
    model_session_ids: tuple[str, ...] = ()

    @property
    def connection_id(self) -> ConnectionId:
        return self.spec.connection_id

    @property
    def cost(self) -> Cost | None:
        """Return what it has cost so far; None where that is not known."""
        prices = self.spec.prices
        return None if prices is None else prices.cost(self.usage, self.transcription)

    @property
    def is_over(self) -> bool:
        return self.state is CallState.ENDED

    @property
    def is_ai_ready(self) -> bool:
        """Return whether the agent can hear and speak."""
        present = self.media_ready_at is not None and self.model_ready_at is not None
        return present and self.ending is None
