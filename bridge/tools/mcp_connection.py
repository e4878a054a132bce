"""How is an MCP server reached: by HTTP, or as a program of this machine."""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2
from mcp import Client, Implementation, StdioServerParameters, stdio_client
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client

from bridge.destinations import Destinations
from bridge.durations import TOOL_TIMEOUT_RANGE_S
from bridge.ports.tool import McpEndpoint, McpProgram, McpServer
from bridge.tool_secrets import Secrets, filled
from bridge.tools.listed_transport import ListedOnly

_CONNECT_WITHIN_S: Final = 5.0
# An answer may take as long as any tool may; its own deadline is the call's.
_READ_WITHIN_S: Final = TOOL_TIMEOUT_RANGE_S[1] + 10.0
_ANSWER_WITHIN_S: Final = 10.0


class ProgramsRefused(Exception):
    """Nobody has allowed that programs are started."""


class Connector:
    """Connects to MCP servers."""

    def __init__(
        self, destinations: Destinations, secrets: Secrets, version: str, *, programs: bool
    ) -> None:
        self._destinations = destinations
        self._secrets = secrets
        self._programs = programs
        self._us = Implementation(name="mediabridge", version=version)

    def connect(self, server: McpServer) -> AbstractAsyncContextManager[Client]:
        """Return a connection that is ready on entering, and gone on leaving, both in one task.

        Entering raises whatever the library does.
        """
        match server:
            case McpEndpoint():
                return self._by_http(server)
            case McpProgram():
                return self._by_program(server)

    @asynccontextmanager
    async def _by_http(self, endpoint: McpEndpoint) -> AsyncIterator[Client]:
        http = httpx2.AsyncClient(
            transport=ListedOnly(self._destinations),
            # What is small when it comes and large when it is unpacked would get past the limit.
            headers={
                "Accept-Encoding": "identity",
                **filled(dict(endpoint.headers), self._secrets),
            },
            timeout=httpx2.Timeout(_CONNECT_WITHIN_S, read=_READ_WITHIN_S),
            trust_env=False,
        )
        async with http, self._client(streamable_http_client(endpoint.url, http_client=http)) as us:
            yield us

    @asynccontextmanager
    async def _by_program(self, program: McpProgram) -> AsyncIterator[Client]:
        if not self._programs:
            raise ProgramsRefused
        executable, *arguments = program.command
        parameters = StdioServerParameters(
            command=executable,
            args=arguments,
            env=filled(dict(program.environment), self._secrets),
        )
        # What it writes there may hold anything, and our log is no place for it.
        with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - a device, no disk
            async with self._client(stdio_client(parameters, errlog=nowhere)) as us:
                yield us

    def _client(self, transport: Transport) -> Client:
        return Client(
            transport, client_info=self._us, read_timeout_seconds=_ANSWER_WITHIN_S, cache=None
        )
