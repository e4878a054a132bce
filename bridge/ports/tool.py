"""What an agent can do besides speaking: functions that the model calls and somebody executes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, NewType, Protocol

from bridge.ids import AgentId, ConnectionId, TenantId

# As in proto/bridge/v1/agent.proto; names as the Realtime protocol takes them.
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}")
TOOL_NAME_RULE: Final = 'letters, digits, "_" and "-", at most 64'
MAX_TOOLS: Final = 64
"""Of one agent, those that a call gives it included."""
MAX_TOOL_DESCRIPTION_CHARS: Final = 1_024
MAX_TOOL_PARAMETERS_CHARS: Final = 16_384
"""Of the JSON schema, written without spaces."""
MAX_TOOL_TEXT_CHARS: Final = 512
"""What is said while it works, or when its time is up: a sentence."""

# As in proto/bridge/v1/tool_service.proto.
TOOL_FAILURE_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")
MAX_FAILURE_MESSAGE_CHARS: Final = 1_000
MAX_PRIVATE_DETAIL_CHARS: Final = 4_000

ToolCallId = NewType("ToolCallId", str)
"""The model's id of one call of a function; unique within its call."""


class ToolMode(Enum):
    """What the conversation does while a tool works."""

    BLOCKING = "blocking"
    """The model waits for the output before it says more about it."""
    ASYNC = "async"
    """The model is told that work has begun, talks on, and is told the output when it is there."""


class ToolReaction(Enum):
    """What the agent does with a tool's output."""

    SPEAK = "speak"
    LISTEN = "listen"
    """It takes note, and says nothing until the caller speaks."""
    SPEAK_IF_SILENT = "speak_if_silent"
    """It speaks unless somebody is speaking already."""


class BuiltinTool(Enum):
    """What the call itself executes."""

    END_CALL = "end_call"
    NOTIFY_LANGUAGE_SWITCH = "notify_language_switch"
    SEND_DTMF = "send_dtmf"


@dataclass(frozen=True, slots=True)
class GatewayExecution:
    """A gateway that has registered for it executes the tool."""


class ArgumentsIn(Enum):
    """Where an HTTP request holds a tool's arguments."""

    BODY = "body"
    """As a JSON object."""
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class HttpExecution:
    """An HTTP endpoint executes the tool."""

    method: str
    url: str
    """`{name}` in its path or query stands for that argument."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """`${NAME}` stands for that secret: specifications hold none themselves."""
    arguments_in: ArgumentsIn = ArgumentsIn.BODY


@dataclass(frozen=True, slots=True)
class McpEndpoint:
    """An MCP server that is reached by HTTP. Hashable: sessions are kept by it."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    """`${NAME}` stands for that secret."""


@dataclass(frozen=True, slots=True)
class McpProgram:
    """An MCP server that is a program on this machine, spoken to by its standard streams."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    """`${NAME}` stands for that secret."""


McpServer = McpEndpoint | McpProgram


@dataclass(frozen=True, slots=True)
class McpExecution:
    """An MCP server executes the tool."""

    server: McpServer
    tool: str
    """As the server calls it."""


ToolExecution = BuiltinTool | GatewayExecution | HttpExecution | McpExecution


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function as the model is told of it, and how its calls are treated."""

    name: str
    description: str = field(repr=False)
    parameters: Mapping[str, object] = field(repr=False)
    """JSON schema of the arguments, an object."""
    timeout_s: float = 10.0
    mode: ToolMode = ToolMode.BLOCKING
    reaction: ToolReaction = ToolReaction.SPEAK
    terminal: bool = False
    """It runs once in a call; when it has succeeded, the call ends after the agent's last words."""
    cancel_on_interruption: bool = False
    """A caller who interrupts while it works stops it."""
    filler_text: str | None = field(default=None, repr=False)
    """Said when it takes longer than `filler_after_s`."""
    filler_after_s: float = 1.0
    timeout_text: str | None = field(default=None, repr=False)
    """Said when its time is up; None leaves the words to the model."""
    execution: ToolExecution = GatewayExecution()


@dataclass(frozen=True, slots=True)
class ToolInvocation:
    """One call of a tool, as whoever executes it is told."""

    tool_call_id: ToolCallId
    connection_id: ConnectionId
    tenant_id: TenantId
    agent_id: AgentId
    name: str
    arguments: str = field(repr=False)
    """A JSON object, as the model wrote it and checked to be one; spoken words may be in it."""
    deadline: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The call's metadata."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A tool did what it was asked for."""

    output: str = field(repr=False)
    """JSON, at most MAX_OUTPUT_BYTES of it."""


@dataclass(frozen=True, slots=True)
class ToolFailure:
    """A tool did not."""

    code: str
    """Stable, for programs: `no_tool_server`, `tool_server_lost`, or the executor's own: a letter,
    then letters, digits, "_", "-" and ".", at most 64."""
    message: str = field(default="", repr=False)
    """For the model, which may repeat it to the caller."""
    private_detail: str = field(default="", repr=False)
    """For the gateway's people: never told to the model."""
    undone: bool = False
    """Nothing was done, as far as its executor knows: what runs only once may be tried again."""


ToolOutcome = ToolOutput | ToolFailure


class ToolStatus(Enum):
    """What became of a call of a tool."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    """The caller interrupted, or the call ended."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool, as it went."""

    tool_call_id: ToolCallId
    name: str
    status: ToolStatus
    code: str
    """The failure's code; empty where it succeeded."""
    duration_s: float
    private_detail: str = field(default="", repr=False)
    """The executor's words for the gateway's people."""


MAX_OUTPUT_BYTES = 64 * 1024
"""More would fill the model's context with one answer."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as an MCP server describes it."""

    name: str
    description: str = field(repr=False)
    parameters: Mapping[str, object] = field(repr=False)


class McpServers(Protocol):
    """The MCP servers that agents name, and what they offer."""

    def keep(self, servers: frozenset[McpServer]) -> None:
        """Be connected to these, and to no others."""
        ...

    def offered(self, server: McpServer) -> Sequence[OfferedTool]:
        """Return what it offered when it was last asked; nothing where it was never reached."""
        ...


class ToolExecutor(Protocol):
    """Whoever executes tools: a gateway's stream, an HTTP endpoint, an MCP server."""

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        """Run the tool; what goes wrong on the way comes back as a ToolFailure, never raised.

        The caller bounds it in time. Cancelling tells the executor that nobody waits any more.
        """
        ...


class ToolExecutors(Protocol):
    """Finds who executes an agent's tools in one call."""

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:
        """Return who executes this tool; one that finds nobody answers `no_tool_server`.

        Never asked for a built-in one.
        """
        ...
