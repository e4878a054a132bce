"""What an agent knows before its call begins: an earlier call, and what the gateway tells it."""

from collections.abc import Sequence
from typing import Final

from bridge.calls.front.registry import Registry
from bridge.errors import NotFound
from bridge.ids import ConnectionId, TenantId
from bridge.ports.model_config import MAX_CONTEXT_CHARS, ContextItem, ItemRole
from bridge.ports.report import CallReport

# As many turns as a long call has; what is older is seldom asked for again.
_MAX_ITEMS: Final = 200
_THAT_WAS_EARLIER: Final = ContextItem(
    ItemRole.SYSTEM,
    "All that was said so far was said in an earlier call, which is over. A new call begins now.",
)


async def context_of(
    registry: Registry,
    tenant_id: TenantId,
    prior: ConnectionId | None,
    told: Sequence[ContextItem],
) -> tuple[ContextItem, ...]:
    """Return the earlier call's conversation, as much of it as there is room for beside `told`.

    :raises NotFound: the tenant has no such call, or it is no longer kept.
    """
    if prior is None:
        return tuple(told)
    room = MAX_CONTEXT_CHARS - sum(len(item.text) for item in told)
    return (*_recalled(await _report(registry, tenant_id, prior), room), *told)


async def _report(registry: Registry, tenant_id: TenantId, prior: ConnectionId) -> CallReport:
    try:
        return await registry.report(prior, tenant_id)
    except NotFound:
        raise NotFound(
            "PRIOR_CALL_NOT_FOUND",
            "prior_connection_id: no such call, or not this tenant's, or no longer kept",
            {"prior_connection_id": prior},
        ) from None


def _recalled(report: CallReport, room: int) -> tuple[ContextItem, ...]:
    said = [
        ContextItem(role, text)
        for turn in report.turns
        for role, text in ((ItemRole.USER, turn.user_text), (ItemRole.AGENT, turn.agent_text))
        if text
    ]
    room -= len(_THAT_WAS_EARLIER.text)
    kept: list[ContextItem] = []
    for item in reversed(said[-_MAX_ITEMS:]):
        room -= len(item.text)
        if room < 0:
            break
        kept.append(item)
    return (*reversed(kept), _THAT_WAS_EARLIER) if kept else ()
