"""A server that wants credentials: keys, an issuer of tokens, and stubs that present them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.access.access import Access
from bridge.access.jwks import Jwks
from bridge.access.principal import Limits, Scope
from bridge.access.tokens import TokenChecker
from bridge.api.guard import Guard
from bridge.api.server import Exposure
from bridge.ports.agent import AgentCatalogue
from tests.fakes.clock import settle
from tests.fakes.issuer import RULES, FakeJwksSource, Signer
from tests.fakes.keys import Keys
from tests.unit.api.rig import Api, serving
from tests.unit.calls.desk import Desk

EVERY_SCOPE = frozenset(Scope) - {Scope.ADMIN}
SIGNER = Signer("k1")

Metadata = tuple[tuple[str, str], ...]


def bearer(credential: str) -> Metadata:
    return (("authorization", f"Bearer {credential}"),)


@dataclass(slots=True)
class Keyed:
    """The server, and what lets into it."""

    api: Api
    keys: Keys

    async def key(
        self, tenant: str | None = "acme", scopes: Iterable[Scope] = EVERY_SCOPE, **rest: Any
    ) -> Metadata:
        """Return what presents a new key; the server knows it."""
        text = self.keys.add(tenant=tenant, scopes=scopes, **rest)
        await self.keys.looked()
        return bearer(text)

    async def revoke(self, credentials: Metadata) -> None:
        self.keys.revoke(credentials[0][1].removeprefix("Bearer "))
        await self.keys.looked()


@asynccontextmanager
async def keyed(
    path: Path,
    slots: int = 4,
    *,
    tenant_limits: Limits | None = None,
    agents: AgentCatalogue | None = None,
    health: Exposure = Exposure.OPEN,
    reflection: Exposure = Exposure.OPEN,
) -> AsyncIterator[Keyed]:
    """Serve to whoever has a key of the file, or a token of SIGNER."""
    guards: list[tuple[Guard, Keys]] = []

    def guard_for(desk: Desk) -> Guard:
        clock = desk.world.clock
        keys = Keys(path / "keys.json", clock)
        keys.keyring.load()
        tokens = TokenChecker(Jwks(FakeJwksSource(SIGNER), clock), RULES, Limits())
        guard = Guard(Access(keys.keyring, tokens, tenant_limits), clock)
        guards.append((guard, keys))
        return guard

    serving_it = serving(
        slots, agents=agents, guard_for=guard_for, health=health, reflection=reflection
    )
    async with serving_it as api, asyncio.TaskGroup() as tasks:
        ((guard, keys),) = guards
        watching = tasks.create_task(keys.keyring.watch(guard.keys_changed), name="keys")
        await settle()
        yield Keyed(api, keys)
        watching.cancel()
