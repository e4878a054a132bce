"""All tool servers that are registered, and which of them executes an invocation."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from typing import Final

from bridge.errors import Exhausted, Unavailable
from bridge.ids import TenantId
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.tool import ToolFailure, ToolInvocation, ToolOutcome
from bridge.tools.failures import NO_TOOL_SERVER, TOOL_SERVER_BUSY
from bridge.tools.registration import Registration
from bridge.tools.server import ToolServer

# As many streams as one connection may carry, and of one tenant so many that others find room.
_MOST: Final = 1000
_MOST_OF_A_TENANT: Final = 250

# Gateways leave and others come within seconds of each other.
_FULL_RETRY_S: Final = 5.0
_STOPPING_RETRY_S: Final = 1.0

_log = get_logger(__name__)


class ToolServers:
    """Executes tools by the gateways that have registered for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # In each tenant's list the one comes first that was asked longest ago.
        self._servers: defaultdict[TenantId, list[ToolServer]] = defaultdict(list)
        self._numbers = count(1)
        self._is_closed = False

    @contextmanager
    def registered(self, registration: Registration) -> Iterator[ToolServer]:
        """Ask this tool server, too, for as long as the context lasts.

        :raises Exhausted: there are too many of them.
        :raises Unavailable: this server is stopping.
        """
        self._admit(registration.tenant_id)
        server = ToolServer(f"tools-{next(self._numbers)}", registration, self._clock)
        tenant_id = registration.tenant_id
        self._servers[tenant_id].append(server)
        _log.info(
            "tool server registered",
            tool_server_id=server.server_id,
            tenant_id=tenant_id,
            agents=len(registration.agent_ids),
            calls=len(registration.connection_ids),
            tools=len(registration.tool_names),
        )
        try:
            yield server
        finally:
            server.end()
            self._servers[tenant_id].remove(server)
            if not self._servers[tenant_id]:
                del self._servers[tenant_id]
            _log.info(
                "tool server left",
                tool_server_id=server.server_id,
                tenant_id=tenant_id,
                **asdict(server.served),
            )

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        """Ask one tool server; another one only where the first was never told."""
        outcome = None
        while outcome is None:
            chosen = self._choose(invocation)
            if isinstance(chosen, ToolFailure):
                return chosen
            outcome = await chosen.execute(invocation)
        return outcome

    def close(self) -> None:
        """End every stream, and refuse new ones: the calls are over."""
        self._is_closed = True
        for servers in self._servers.values():
            for server in servers:
                server.end(_stopping())

    def _admit(self, tenant_id: TenantId) -> None:
        if self._is_closed:
            raise _stopping()
        everyone = sum(map(len, self._servers.values()))
        if everyone >= _MOST or len(self._servers.get(tenant_id, ())) >= _MOST_OF_A_TENANT:
            raise Exhausted(
                "TOO_MANY_TOOL_SERVERS", "there are too many tool servers", _FULL_RETRY_S
            )

    def _choose(self, invocation: ToolInvocation) -> ToolServer | ToolFailure:
        servers = self._servers.get(invocation.tenant_id, [])
        closeness = {
            server: reach
            for server in servers
            if not server.is_leaving
            and (reach := server.registration.reach(invocation)) is not None
        }
        if not closeness:
            return NO_TOOL_SERVER
        free = [server for server in closeness if server.has_room_for(invocation.tool_call_id)]
        if not free:
            return TOOL_SERVER_BUSY
        chosen = min(free, key=lambda server: (closeness[server], server.load))
        servers.remove(chosen)
        servers.append(chosen)
        return chosen


def _stopping() -> Unavailable:
    return Unavailable("SERVER_STOPPING", "this server is stopping", _STOPPING_RETRY_S)
