"""A file of API keys, and a keyring that reads it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bridge.access.key_file import KeyRecord, LimitsPart, change_keys
from bridge.access.keyring import WATCH_EVERY_S, Keyring
from bridge.access.keys import ApiKey
from bridge.access.principal import Limits, Scope
from tests.fakes.clock import FakeClock


@dataclass(slots=True)
class Keys:
    """Keys that a test makes and revokes."""

    path: Path
    clock: FakeClock = field(default_factory=FakeClock)
    keyring: Keyring = field(init=False)

    def __post_init__(self) -> None:
        change_keys(self.path, lambda file: file)
        self.keyring = Keyring(self.path, self.clock, Limits(streams=7))

    def add(
        self,
        *,
        tenant: str | None = "acme",
        scopes: Iterable[Scope] = (Scope.CALLS_READ, Scope.TELEMETRY_READ),
        expires_at: datetime | None = None,
        limits: LimitsPart | None = None,
    ) -> str:
        """Put a new key into the file; return what is presented."""
        key = ApiKey.make()
        record = KeyRecord.of(
            key,
            name=f"{tenant}'s gateway",
            tenant_id=tenant,
            scopes=frozenset(scopes),
            expires_at=expires_at,
            limits=limits or LimitsPart(),
        )
        change_keys(self.path, lambda file: file.with_key(record))
        return key.reveal()

    def revoke(self, text: str) -> None:
        key = ApiKey.parse(text)
        assert key is not None
        change_keys(self.path, lambda file: file.revoking(key.key_id))

    def limit(self, tenant: str, limits: LimitsPart) -> None:
        change_keys(self.path, lambda file: file.with_tenant(tenant, limits))

    async def looked(self) -> None:
        """Let the keyring's next look at the file come."""
        await self.clock.advance(WATCH_EVERY_S)
        # That one is taken in threads, which no clock of ours moves; this one stands behind it.
        await self.keyring.look()
