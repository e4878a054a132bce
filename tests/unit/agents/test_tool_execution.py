"""Who executes an agent's tools, by its file: endpoints and MCP servers, where they are allowed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.agents.loader import read_agent
from bridge.agents.mcp_tools import Offered, nothing_offered
from bridge.agents.resolve import resolve
from bridge.agents.surroundings import NOTHING, Surroundings
from bridge.destinations import Destinations
from bridge.errors import InvalidRequest
from bridge.files.checked import BadFile
from bridge.ids import AgentId, TenantId
from bridge.ports.agent import AgentOverrides, AgentRequest
from bridge.ports.tool import (
    ArgumentsIn,
    GatewayExecution,
    HttpExecution,
    McpEndpoint,
    McpExecution,
    McpProgram,
    McpServer,
    OfferedTool,
    ToolMode,
    ToolReaction,
    ToolSpec,
)

FILE = """
agentId: clara
name: Clara
instructions: Be kind.
overridable: [tools]
"""
HTTP = """
tools:
  - name: find_order
    description: Finds an order.
    parameters:
      type: object
      properties: {number: {type: integer}, note: {type: string}}
      required: [number]
    timeout: 5s
    http:
"""
MCP = """
mcp:
  - name: shop
    url: https://mcp.example.com/mcp
    tools: [find_order]
"""
ALLOWED = Surroundings(
    Destinations("api.example.com mcp.example.com 10.0.0.0/8:8080"),
    frozenset({"TOOL_TOKEN"}),
    mcp=True,
    programs=True,
)
SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}}


def http(*lines: str) -> str:
    return HTTP + "".join(f"      {line}\n" for line in lines)


def tools(text: str, offered: Offered = nothing_offered, **changes: Any) -> Sequence[ToolSpec]:
    agent = read_agent("a.yaml", (FILE + text).encode(), ALLOWED)
    request = AgentRequest(AgentId("clara"), TenantId(""), "Ada", None, AgentOverrides(**changes))
    return resolve(agent, request, "m", offered).model.tools


def execution(*lines: str) -> object:
    (tool,) = tools(http(*lines))
    return tool.execution


def problems(text: str, surroundings: Surroundings = ALLOWED) -> str:
    with pytest.raises(BadFile) as bad:
        read_agent("a.yaml", (FILE + text).encode(), surroundings)
    return str(bad.value)


def test_tool_without_a_word_about_it_is_executed_by_a_gateway() -> None:
    text = "tools: [{name: find_order, description: Finds.}]"
    assert tools(text)[0].execution == GatewayExecution()


def test_endpoint_is_told_in_whole() -> None:
    assert execution(
        "method: PUT",
        "url: https://api.example.com/orders/{number}?v=1",
        "headers: {Authorization: 'Bearer ${TOOL_TOKEN}', X-Version: '2'}",
        "arguments: query",
    ) == HttpExecution(
        "PUT",
        "https://api.example.com/orders/{number}?v=1",
        {"Authorization": "Bearer ${TOOL_TOKEN}", "X-Version": "2"},
        ArgumentsIn.QUERY,
    )


def test_endpoint_is_posted_to_unless_its_method_is_told() -> None:
    url = "url: https://api.example.com/orders"
    assert execution(url) == HttpExecution("POST", "https://api.example.com/orders")


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("GET", ArgumentsIn.QUERY),
        ("DELETE", ArgumentsIn.QUERY),
        ("POST", ArgumentsIn.BODY),
        ("PUT", ArgumentsIn.BODY),
        ("PATCH", ArgumentsIn.BODY),
    ],
)
def test_arguments_are_where_the_method_has_them(method: str, where: ArgumentsIn) -> None:
    told = execution(f"method: {method}", "url: https://api.example.com/orders")
    assert isinstance(told, HttpExecution)
    assert told.arguments_in is where


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "http must be a mapping"),
        (["method: PUT"], "http.url: is required"),
        (["url: ftp://api.example.com/"], "must begin with https:// or http://"),
        (["url: https:///orders"], "must begin with https:// or http://"),
        (["url: https://api.example.com:x/"], "is not a URL"),
        (["url: 'https://api.example.com/a b'"], "printable ASCII"),
        (["url: https://api.example.com/ü"], "printable ASCII"),
        (["url: https://me:pw@api.example.com/"], "a user"),
        (["url: 'https://api.example.com/#top'"], "a fragment"),
        (["url: 'https://{host}.example.com/'"], "a placeholder in its host"),
        (["url: https://other.example.com/"], "other.example.com:443 is not listed"),
        (["url: https://api.example.com:8443/"], "api.example.com:8443 is not listed"),
        (["url: http://api.example.com/"], "api.example.com:80 is not listed"),
        (["url: http://127.0.0.1:8080/"], "127.0.0.1:8080 is not listed"),
        (["url: 'https://api.example.com/{note}'"], "{note} must be one of the parameters"),
        (["url: 'https://api.example.com/{other}'"], "{other} must be one of the parameters"),
        (["url: https://api.example.com/", "method: TRACE"], "http.method"),
        (["url: https://api.example.com/", "method: GET", "arguments: body"], "has no body"),
        (["url: https://api.example.com/", "follow: true"], "http.follow: is unknown"),
    ],
)
def test_endpoint_that_cannot_be_is_refused_by_its_field(lines: list[str], problem: str) -> None:
    assert problem in problems(http(*lines))


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ("{Authorization: Bearer abc}", "Authorization sounds like a secret"),
        ("{X-Api-Key: abc}", "X-Api-Key sounds like a secret"),
        ("{Cookie: a=b}", "Cookie sounds like a secret"),
        ("{X-A: '${TOOL_OTHER}'}", "TOOL_OTHER is not set"),
        ("{X-A: '${LIVEKIT_API_SECRET}'}", "a secret is ${TOOL_…}"),
        ("{X-A: '${}'}", "a secret is ${TOOL_…}"),
        ("{Host: a}", "Host is set by the bridge"),
        ("{content-length: '3'}", "content-length is set by the bridge"),
        ("{Mediabridge-Agent-Id: a}", "is set by the bridge"),
        ("{'X A': a}", "is no header's name"),
        ('{X-A: "a\\r\\nX-B: b"}', "must be one line"),
        ("{X-A: ü}", "must be ASCII"),
        ("{X-A: a, x-a: b}", "names a header twice"),
    ],
)
def test_header_that_cannot_be_is_refused_without_its_value(headers: str, problem: str) -> None:
    told = problems(http("url: https://api.example.com/", f"headers: {headers}"))
    assert problem in told
    assert "abc" not in told


def test_without_an_operator_s_word_no_server_may_be_named() -> None:
    assert "is not listed" in problems(http("url: https://api.example.com/"), NOTHING)


def test_built_in_tool_takes_no_endpoint() -> None:
    text = "tools: [{builtin: end_call, http: {url: 'https://api.example.com/'}}]"
    assert "a built-in tool takes no http" in problems(text)


def offers(*offered: OfferedTool) -> Offered:
    return lambda _: offered


def test_offered_tools_are_told_under_the_server_s_name() -> None:
    offered = offers(
        OfferedTool("find_order", "Finds {caller_name}.", SCHEMA),
        OfferedTool("delete_everything", "Deletes.", SCHEMA),
    )
    (tool,) = tools(MCP, offered)
    assert (tool.name, tool.description) == ("shop_find_order", "Finds {caller_name}.")
    assert tool.parameters == SCHEMA
    server = McpEndpoint("https://mcp.example.com/mcp")
    assert tool.execution == McpExecution(server, "find_order")


def test_every_field_of_a_server_reaches_its_tools() -> None:
    text = """
mcp:
  - name: shop
    command: [shop-server, --all]
    environment: {SHOP: berlin, SHOP_TOKEN: '${TOOL_TOKEN}'}
    tools: [find.order]
    timeout: 20s
    mode: async
    reaction: listen
    cancel_on_interruption: true
    filler_text: One moment, {caller_name}.
    filler_after: 2s
    timeout_text: Sorry.
"""
    asked: list[McpServer] = []

    def offered(server: McpServer) -> Sequence[OfferedTool]:
        asked.append(server)
        return [OfferedTool("find.order", "Finds.", SCHEMA)]

    environment = (("SHOP", "berlin"), ("SHOP_TOKEN", "${TOOL_TOKEN}"))
    server = McpProgram(("shop-server", "--all"), environment)
    assert tools(text, offered) == (
        ToolSpec(
            name="shop_find_order",
            description="Finds.",
            parameters=SCHEMA,
            timeout_s=20.0,
            mode=ToolMode.ASYNC,
            reaction=ToolReaction.LISTEN,
            cancel_on_interruption=True,
            filler_text="One moment, Ada.",
            filler_after_s=2.0,
            timeout_text="Sorry.",
            execution=McpExecution(server, "find.order"),
        ),
    )
    assert asked == [server]


def test_headers_reach_the_server() -> None:
    text = MCP + "    headers: {B: '2', Authorization: 'Bearer ${TOOL_TOKEN}'}\n"
    (tool,) = tools(text, offers(OfferedTool("find_order", "Finds.", SCHEMA)))
    headers = (("Authorization", "Bearer ${TOOL_TOKEN}"), ("B", "2"))
    server = McpEndpoint("https://mcp.example.com/mcp", headers)
    assert tool.execution == McpExecution(server, "find_order")


@pytest.mark.parametrize(
    "offered",
    [
        (),
        (OfferedTool("other", "Does something else.", SCHEMA),),
        (OfferedTool("find_order", "Has no schema.", {"type": "no such type"}),),
    ],
)
def test_tool_that_is_not_offered_is_left_out_and_the_call_goes_on(
    offered: tuple[OfferedTool, ...],
) -> None:
    assert tools(MCP, offers(*offered)) == ()


def test_call_s_own_tool_may_not_take_the_name_of_a_server_s() -> None:
    given = ToolSpec("shop_find_order", "Books.", {"type": "object"})
    with pytest.raises(InvalidRequest) as refused:
        tools(MCP, tools=(given,))
    assert [violation.field for violation in refused.value.violations] == [
        "agent.tools.tools[0].name"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mcp: [{name: shop, tools: [a]}]", "exactly one of url and command"),
        (
            "mcp: [{name: shop, url: 'https://mcp.example.com/', command: [a], tools: [a]}]",
            "exactly one of url and command",
        ),
        ("mcp: [{name: shop, url: 'https://mcp.example.com/'}]", "tools: is required"),
        ("mcp: [{name: shop, url: 'https://mcp.example.com/', tools: []}]", "mcp.0.tools"),
        (
            "mcp: [{name: shop, url: 'https://mcp.example.com/', tools: [a, a]}]",
            "names a tool twice",
        ),
        ("mcp: [{name: shop, url: 'https://other.example.com/', tools: [a]}]", "is not listed"),
        ("mcp: [{name: shop, command: [], tools: [a]}]", "mcp.0.command"),
        ("mcp: [{name: shop, command: [a], headers: {A: b}, tools: [a]}]", "are for a url"),
        (
            "mcp: [{name: shop, url: 'https://mcp.example.com/', environment: {A: b}, tools: [a]}]",
            "is for a command",
        ),
        (
            "mcp: [{name: shop, command: [a], environment: {A_TOKEN: b}, tools: [a]}]",
            "A_TOKEN sounds like a secret",
        ),
        (
            "mcp: [{name: shop, command: [a], environment: {'A B': b}, tools: [a]}]",
            "is no variable's name",
        ),
        ("mcp: [{name: my shop, command: [a], tools: [a]}]", "mcp.0.name"),
        (f"mcp: [{{name: shop, command: [a], tools: [{'a' * 60}]}}]", "too long"),
        (MCP + "tools: [{name: shop_find_order, description: Finds.}]", "names a tool twice"),
        (MCP + MCP.removeprefix("\nmcp:\n"), "names a tool twice: shop_find_order"),
    ],
)
def test_server_that_cannot_be_is_refused_by_its_field(text: str, problem: str) -> None:
    assert problem in problems(text)


def test_tools_of_servers_count_among_an_agent_s() -> None:
    many = ", ".join(f"t{number}" for number in range(64))
    text = f"mcp: [{{name: shop, command: [a], tools: [{many}]}}]\n"
    read_agent("a.yaml", (FILE + text).encode(), ALLOWED)
    assert "at most 64" in problems(text + "tools: [{builtin: end_call}]")


@pytest.mark.parametrize(
    ("changes", "text", "problem"),
    [
        ({"mcp": False}, MCP, "needs the extra mcp"),
        (
            {"programs": False},
            "mcp: [{name: shop, command: [a], tools: [a]}]",
            "MEDIABRIDGE_TOOL_PROGRAMS",
        ),
    ],
)
def test_server_needs_what_it_takes(changes: dict[str, Any], text: str, problem: str) -> None:
    assert problem in problems(text, replace(ALLOWED, **changes))
