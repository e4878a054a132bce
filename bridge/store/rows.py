"""How do calls, reports and sums become rows, and rows become them again?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bridge.ids import ConnectionId, TenantId
from bridge.messages.values import decode_stored, encode
from bridge.moments import to_microseconds
from bridge.ports.agent import ResolvedAgent, UserFirst
from bridge.ports.budget import Spent
from bridge.ports.call import CallView
from bridge.ports.host import Epoch, HostId
from bridge.ports.model_config import ModelConfig
from bridge.ports.money import PICOS_PER_MICRO
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, Turn
from bridge.ports.tool import ToolUse
from bridge.retention import Retention


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as it is stored: what is searched for, and the rest whole."""

    connection_id: ConnectionId
    tenant_id: str
    agent_id: str
    host_id: str
    epoch: int
    retention: str
    created_us: int
    ended_us: int | None
    view: bytes = field(repr=False)
    report: bytes | None = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SpendingRow:
    """What one call has spent on a day so far."""

    day: date
    tenant_id: TenantId
    connection_id: ConnectionId
    tokens: int
    micro_units: int
    picos_rest: int

    @classmethod
    def of(
        cls, day: date, tenant_id: TenantId, connection_id: ConnectionId, spent: Spent
    ) -> "SpendingRow":
        micro_units, rest = divmod(spent.picos, PICOS_PER_MICRO)
        return cls(day, tenant_id, connection_id, spent.tokens, micro_units, rest)

    @property
    def spent(self) -> Spent:
        return Spent(self.tokens, self.micro_units * PICOS_PER_MICRO + self.picos_rest)


def call_row(placed: Placed, report: CallReport | None, *, is_over: bool) -> CallRow:
    """Return what may be kept of a call, as a row; `is_over` once all of it is there."""
    view = kept_view(placed.view)
    spec = view.spec
    ended_at = (view.ended_at or view.last_activity_at or spec.created_at) if is_over else None
    return CallRow(
        connection_id=spec.connection_id,
        tenant_id=spec.tenant_id,
        agent_id=spec.agent.agent_id,
        host_id=placed.host_id,
        epoch=placed.epoch,
        retention=spec.retention.value,
        created_us=to_microseconds(spec.created_at),
        ended_us=None if ended_at is None else to_microseconds(ended_at),
        view=encode(view),
        report=None if report is None else encode(kept_report(report)),
        metadata={searchable(key): searchable(value) for key, value in spec.metadata.items()},
    )


def searchable(text: str) -> str:
    """Return a gateway's text as it is searched for: PostgreSQL's texts hold no NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def placed_of(view: bytes, host_id: str, epoch: int) -> Placed:
    """Return the call of a row."""
    decoded: CallView = decode_stored(CallView, view)
    return Placed(decoded, HostId(host_id), Epoch(epoch))


def view_of(view: bytes) -> CallView:
    decoded: CallView = decode_stored(CallView, view)
    return decoded


def report_of(report: bytes) -> CallReport:
    decoded: CallReport = decode_stored(CallReport, report)
    return decoded


def kept_view(view: CallView) -> CallView:
    """Return what may be kept of a call; of its agent, what the API says of it."""
    spec = view.spec
    retention = spec.retention
    limits = spec.limits
    if not retention.keeps(Retention.ALL):
        limits = replace(limits, time_exceeded_text=None)
    spec = replace(spec, agent=_kept_agent(spec.agent), limits=limits)
    if retention is Retention.NONE:
        # While the call lives: its room must be found, should this server die.
        spec = replace(spec, metadata={}, caller_name="", request_id="")
        return replace(view, spec=spec, participants=())
    return replace(view, spec=spec)


def kept_report(report: CallReport) -> CallReport:
    """Return what may be kept of a report."""
    retention = report.view.spec.retention
    turns = report.turns
    if not retention.keeps(Retention.ALL):
        turns = tuple(replace(turn, tools=_without_details(turn.tools)) for turn in turns)
    if not retention.keeps(Retention.TRANSCRIPT):
        turns = tuple(_without_words(turn) for turn in turns)
    return replace(report, view=kept_view(report.view), turns=turns)


def _kept_agent(agent: ResolvedAgent) -> ResolvedAgent:
    model = ModelConfig(model=agent.model.model, instructions="", voice=agent.model.voice)
    return ResolvedAgent(agent.agent_id, agent.name, agent.language, model, UserFirst())


def _without_words(turn: Turn) -> Turn:
    return replace(turn, user_text="", agent_text="")


def _without_details(tools: tuple[ToolUse, ...]) -> tuple[ToolUse, ...]:
    return tuple(replace(tool, private_detail="") for tool in tools)
