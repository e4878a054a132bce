"""Who asks: as whom, for which tenant, with what scope, and how much at once."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from bridge.ids import TenantId


class Scope(Enum):
    """What a principal may be allowed to do."""

    CALLS_CREATE = "calls:create"
    CALLS_READ = "calls:read"
    CALLS_CONTROL = "calls:control"
    CALLS_DELETE = "calls:delete"
    TOOLS_SERVE = "tools:serve"
    TELEMETRY_READ = "telemetry:read"
    ROOMS_ENTER = "rooms:enter"
    """Send agents into LiveKit rooms that the bridge did not make, and are nobody's here."""
    ADMIN = "admin"
    """Everything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, or in a minute; None: as much as there is."""

    calls: int | None = None
    creations_per_minute: int | None = None
    streams: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks."""

    name: str
    """For logs."""
    credential: str
    """Names the key, or the token's subject, and never holds it. Limits are counted under it."""
    tenant_id: TenantId | None
    """None: every tenant's calls are this principal's to see."""
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    limits: Limits = field(default_factory=Limits)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANYONE: Final = Principal("anyone", "anyone", None, frozenset({Scope.ADMIN}))
"""Whoever asks a server that wants no credentials."""
