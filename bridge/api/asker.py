"""Whose RPC is under way: in which tenant's name, about which call, and how much is theirs."""

from contextvars import ContextVar
from typing import Final

import structlog
from google.protobuf.message import Message

from bridge.access.access import Access
from bridge.access.principal import Principal
from bridge.errors import Forbidden
from bridge.ids import ConnectionId, TenantId
from bridge.ports.placement import Quota

_FIELD: Final = "tenant_id"

_asker: ContextVar[Principal] = ContextVar("asker")
_access: ContextVar[Access] = ContextVar("access")


def asker() -> Principal:
    """Return who asks in this task. There is somebody wherever the edge has let an RPC in."""
    return _asker.get()


def quotas(tenant_id: TenantId) -> tuple[Quota, ...]:
    """Return how many calls may be made for a tenant by whoever asks."""
    holders = (
        ("tenant", str(tenant_id), _access.get().tenant_limits(tenant_id)),
        ("key", asker().credential, asker().limits),
    )
    return tuple(
        Quota(kind, holder, limits.calls, limits.creations_per_minute)
        for kind, holder, limits in holders
    )


def asked_by(principal: Principal, access: Access) -> None:
    """Say who asks in this task, which serves one RPC, and name them in what it logs."""
    _asker.set(principal)
    _access.set(access)
    structlog.contextvars.bind_contextvars(asker=principal.name)


def about(connection_id: ConnectionId) -> ConnectionId:
    """Name the call in what this RPC logs from here on."""
    structlog.contextvars.bind_contextvars(connection_id=connection_id)
    return connection_id


def bind_tenant(request: Message, principal: Principal) -> None:
    """Let a request speak of the asker's tenant alone, in whatever part of it a tenant is named.

    Where it names none, it means that one.

    :raises Forbidden: it names another.
    """
    if principal.tenant_id is None:
        return
    if _FIELD in request.DESCRIPTOR.fields_by_name:
        if getattr(request, _FIELD) not in ("", principal.tenant_id):
            raise Forbidden("OTHER_TENANT", f"{_FIELD} is not yours to ask for")
        setattr(request, _FIELD, principal.tenant_id)
    for field, value in request.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else (value,):
                bind_tenant(part, principal)
