"""How are MCP servers written in an agent's file, and which of their tools does an agent have?"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from bridge.agents.outside import Environment, Headers, Url, pairs, surroundings_of
from bridge.agents.prompt import fill
from bridge.agents.treatment import Name, Treatment
from bridge.json_schema import schema_problem
from bridge.logs import get_logger
from bridge.ports.tool import (
    MAX_TOOLS,
    TOOL_NAME,
    McpEndpoint,
    McpExecution,
    McpProgram,
    McpServer,
    OfferedTool,
    ToolSpec,
)

_log = get_logger(__name__)

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_\-]")
_MAX_ARGUMENTS: Final = 32

Offered = Callable[[McpServer], Sequence[OfferedTool]]
"""What a server offered when it was last asked."""


def nothing_offered(_: McpServer) -> Sequence[OfferedTool]:
    return ()


def _distinct(tools: list[str]) -> list[str]:
    if len(set(tools)) < len(tools):
        raise ValueError("names a tool twice")
    return tools


class McpPart(Treatment):
    """A server, and those of its tools that the model is told of, treated alike."""

    name: Name
    url: Url | None = None
    headers: Headers = Field(default_factory=dict)
    command: Annotated[list[str], Field(min_length=1, max_length=_MAX_ARGUMENTS)] | None = None
    environment: Environment = Field(default_factory=dict)
    tools: Annotated[
        list[str], Field(min_length=1, max_length=MAX_TOOLS), AfterValidator(_distinct)
    ]

    @model_validator(mode="after")
    def _is_one_server(self, info: ValidationInfo) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("must have exactly one of url and command")
        if self.url is None and self.headers:
            raise ValueError("headers are for a url")
        if self.command is None and self.environment:
            raise ValueError("environment is for a command")
        surroundings = surroundings_of(info)
        if not surroundings.mcp:
            raise ValueError("needs the extra mcp: pip install 'mediabridge[mcp]'")
        if self.command is not None and not surroundings.programs:
            raise ValueError("command: MEDIABRIDGE_TOOL_PROGRAMS allows none")
        return self

    @model_validator(mode="after")
    def _can_be_called(self) -> Self:
        for name in self.called:
            if not TOOL_NAME.fullmatch(name):
                raise ValueError(f"{name[:80]} is too long for a tool's name")
        return self

    @property
    def called(self) -> Mapping[str, str]:
        """The names that the model calls its tools by, and the server's own names of them."""
        return {f"{self.name}_{_UNFIT.sub('_', tool)}": tool for tool in self.tools}

    @property
    def server(self) -> McpServer:
        if self.url is not None:
            return McpEndpoint(self.url, pairs(self.headers))
        return McpProgram(tuple(self.command or ()), pairs(self.environment))


McpParts = Annotated[list[McpPart], Field(max_length=MAX_TOOLS)]


def mcp_tools_of(
    parts: Iterable[McpPart], offered: Offered, values: Mapping[str, str]
) -> tuple[ToolSpec, ...]:
    """Return the tools that servers offer at this moment; what they do not offer is logged."""
    return tuple(spec for part in parts for spec in _specifications(part, offered, values))


def _specifications(
    part: McpPart, offered: Offered, values: Mapping[str, str]
) -> Iterable[ToolSpec]:
    server = part.server
    tools = {tool.name: tool for tool in offered(server) if not schema_problem(tool.parameters)}
    missing = []
    for name, wanted in part.called.items():
        if (tool := tools.get(wanted)) is None:
            missing.append(wanted)
            continue
        spec = part.specification(
            name, tool.description, tool.parameters, McpExecution(server, wanted)
        )
        # What the server says is no template of the agent's.
        yield replace(
            spec,
            filler_text=spec.filler_text and fill(spec.filler_text, values),
            timeout_text=spec.timeout_text and fill(spec.timeout_text, values),
        )
    if missing:
        _log.warning("mcp tools not offered", server=part.name, tools=missing)
