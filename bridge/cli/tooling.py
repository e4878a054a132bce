"""How are the executors of tools put together?"""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata

from bridge.agents.surroundings import Surroundings
from bridge.cli.recording import records
from bridge.destinations import Destinations
from bridge.ports.clock import Clock
from bridge.ports.tool import McpServer
from bridge.settings import Settings
from bridge.tool_secrets import Secrets
from bridge.tools.executors import Executors
from bridge.tools.http import HttpTools
from bridge.tools.mcp import McpTools, Session
from bridge.tools.servers import ToolServers


@dataclass(frozen=True, slots=True)
class Tooling:
    """Who executes tools, and what agents' files may name for that."""

    gateways: ToolServers
    mcp: McpTools
    executors: Executors
    surroundings: Surroundings


@asynccontextmanager
async def tooling(settings: Settings, clock: Clock) -> AsyncIterator[Tooling]:
    """Have tools executed for as long as the context lasts."""
    surroundings = surroundings_of(settings)
    destinations = surroundings.destinations
    secrets = {name: held.get_secret_value() for name, held in settings.tool_secrets.items()}
    make_session = partial(
        _mcp_session, destinations=destinations, secrets=secrets, settings=settings, clock=clock
    )
    gateways = ToolServers(clock)
    async with (
        HttpTools(destinations, secrets, clock) as http,
        McpTools(make_session, clock) as mcp,
    ):
        yield Tooling(gateways, mcp, Executors(gateways, http, mcp), surroundings)


def surroundings_of(settings: Settings) -> Surroundings:
    """Return what agents' files may name."""
    return Surroundings(
        destinations=Destinations(settings.tool_http_allow or ""),
        secrets=frozenset(settings.tool_secrets),
        mcp=importlib.util.find_spec("mcp") is not None,
        programs=settings.tool_programs,
        recordings=records(settings),
    )


async def _mcp_session(
    server: McpServer,
    *,
    destinations: Destinations,
    secrets: Secrets,
    settings: Settings,
    clock: Clock,
) -> Session:
    # Not imported above: it may not be there, and costs who does not need it 33 MiB. In a thread,
    # because it takes half a second, in which calls may be under way.
    await asyncio.to_thread(importlib.import_module, "bridge.tools.mcp_session")
    from bridge.tools.mcp_connection import Connector  # noqa: PLC0415
    from bridge.tools.mcp_session import McpSession  # noqa: PLC0415

    version = metadata.version("mediabridge")
    connector = Connector(destinations, secrets, version, programs=settings.tool_programs)
    return McpSession(server, connector.connect, clock)
