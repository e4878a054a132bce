"""What of an MCP server's words a model gets to read."""

import pytest
from mcp import MCPError
from mcp.types import CallToolResult, TextContent, Tool

from bridge.ports.tool import OfferedTool, ToolFailure, ToolOutput
from bridge.tools.mcp_results import failure_of, offered, outcome_of

SCHEMA = {"type": "object"}


def test_tool_is_offered_by_its_description_or_its_title() -> None:
    assert offered(Tool(name="a", description="d", title="t", input_schema=SCHEMA)) == OfferedTool(
        "a", "d", SCHEMA
    )
    assert offered(Tool(name="a", title="t", input_schema=SCHEMA)) == OfferedTool("a", "t", SCHEMA)
    assert offered(Tool(name="a", input_schema=SCHEMA)) == OfferedTool("a", "", SCHEMA)


def test_tool_that_would_fill_the_model_s_context_is_not_offered() -> None:
    large = {"type": "object", "description": "x" * 16_384}
    assert offered(Tool(name="a", description="d", input_schema=large)) is None
    cut = offered(Tool(name="a", description="d" * 5000, input_schema=SCHEMA))
    assert cut == OfferedTool("a", "d" * 4096, SCHEMA)


def test_texts_are_the_output_where_nothing_is_structured() -> None:
    texts = [TextContent(type="text", text="one"), TextContent(type="text", text="two")]
    assert outcome_of(CallToolResult(content=texts)) == ToolOutput('"one\\ntwo"')
    assert outcome_of(CallToolResult(content=[])) == ToolOutput('""')


def test_error_of_a_tool_is_told_to_the_model_at_a_bearable_length() -> None:
    text = TextContent(type="text", text="x" * 2000)
    outcome = outcome_of(CallToolResult(content=[text], is_error=True))
    assert outcome == ToolFailure("tool_failed", "x" * 1000, undone=True)


@pytest.mark.parametrize(
    ("code", "failure"),
    [(-32001, "timeout"), (-32000, "mcp_lost"), (-32600, "mcp_lost"), (-32603, "mcp_error")],
)
def test_error_of_the_protocol_is_told_without_its_words(code: int, failure: str) -> None:
    told = failure_of(MCPError(code, "card number 4111"))
    assert told.code == failure
    assert "4111" not in told.message + told.private_detail
