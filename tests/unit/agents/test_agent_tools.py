"""Which tools an agent has: its own, by its file, and those that a call gives it."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.agents.loader import read_agent
from bridge.agents.resolve import resolve
from bridge.errors import InvalidRequest
from bridge.files.checked import BadFile
from bridge.ids import AgentId, TenantId
from bridge.ports.agent import AgentOverrides, AgentRequest, ResolvedAgent
from bridge.ports.tool import (
    BuiltinTool,
    GatewayExecution,
    ToolMode,
    ToolReaction,
    ToolSpec,
)

FILE = """
agentId: clara
name: Clara
languages: [en, es-MX]
instructions: Be kind to {caller_name}.
overridable: [tools, instructions]
tools:
"""
WHOLE = """
  - name: find_order
    description: Finds an order of {caller_name}.
    parameters:
      type: object
      properties: {number: {type: integer}}
      required: [number]
    timeout: 30s
    mode: async
    reaction: speak_if_silent
    terminal: true
    cancel_on_interruption: true
    filler_text: One moment, {caller_name}.
    filler_after: 2s
    timeout_text: Sorry.
"""
GIVEN = ToolSpec("book", "Books.", {"type": "object"})


def resolved(
    own: str, name: str = "Ada", language: str | None = None, **overrides: Any
) -> ResolvedAgent:
    changes = AgentOverrides(**overrides)
    request = AgentRequest(AgentId("clara"), TenantId(""), name, language, changes)
    return resolve(read_agent("a.yaml", (FILE + own).encode()), request, "m")


def problems(tools: str) -> list[str]:
    with pytest.raises(BadFile) as bad:
        read_agent("a.yaml", (FILE + tools).encode())
    return [str(problem) for problem in bad.value.problems]


def violations(own: str, *given: ToolSpec) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        resolved(own, tools=given)
    return {violation.field: violation.description for violation in refused.value.violations}


def test_every_field_of_a_tool_reaches_the_call() -> None:
    assert resolved(WHOLE).model.tools == (
        ToolSpec(
            name="find_order",
            description="Finds an order of Ada.",
            parameters={
                "type": "object",
                "properties": {"number": {"type": "integer"}},
                "required": ["number"],
            },
            timeout_s=30.0,
            mode=ToolMode.ASYNC,
            reaction=ToolReaction.SPEAK_IF_SILENT,
            terminal=True,
            cancel_on_interruption=True,
            filler_text="One moment, Ada.",
            filler_after_s=2.0,
            timeout_text="Sorry.",
            execution=GatewayExecution(),
        ),
    )


def test_what_a_tool_does_not_say_is_the_port_s_default() -> None:
    [tool] = resolved("  - {name: look, description: Looks.}").model.tools
    assert tool == ToolSpec("look", "Looks.", {"type": "object", "properties": {}})


def test_caller_without_a_name_is_named_where_it_is_read_and_not_where_it_is_heard() -> None:
    [tool] = resolved(WHOLE, name="").model.tools
    assert tool.description == "Finds an order of the caller."
    assert tool.filler_text == "One moment, ."


def test_agent_without_tools_has_none() -> None:
    assert resolved("  []").model.tools == ()


class TestBuiltin:
    ALL = """
  - builtin: end_call
  - builtin: notify_language_switch
  - {builtin: send_dtmf, description: 'Presses keys for {caller_name}.'}
"""

    def test_tools_are_told_by_their_own_names_and_executed_by_the_call(self) -> None:
        tools = resolved(self.ALL).model.tools
        assert [tool.execution for tool in tools] == list(BuiltinTool)
        assert [tool.name for tool in tools] == [tool.value for tool in BuiltinTool]
        assert [tool.terminal for tool in tools] == [True, False, False]

    def test_description_may_be_the_agent_s_own(self) -> None:
        _, _, keys = resolved(self.ALL).model.tools
        assert keys.description == "Presses keys for Ada."

    def test_language_is_one_that_the_agent_speaks(self) -> None:
        _, switch, _ = resolved(self.ALL).model.tools
        properties: Any = switch.parameters["properties"]
        assert properties["language"]["enum"] == ["en", "es-MX"]
        assert "es-MX (Spanish" in switch.description

    def test_agent_that_may_switch_has_its_prompt_in_every_language(self) -> None:
        agent = resolved(self.ALL, language="es-MX")
        assert set(agent.prompts) == {"en", "es-MX"}
        assert agent.prompts["es-MX"] == agent.model.instructions
        assert "Speak English," in agent.prompts["en"]
        assert "kind to Ada" in agent.prompts["en"]
        changed = resolved(self.ALL, instructions="Be brief.")
        assert all("Be brief." in prompt for prompt in changed.prompts.values())

    def test_agent_that_may_not_switch_carries_one_prompt_only(self) -> None:
        assert resolved("  - builtin: end_call").prompts == {}


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        ("{builtin: fly}", "tools.0.builtin: "),
        ("{builtin: end_call, terminal: false}", "takes no terminal"),
        ("{builtin: end_call, name: x}", "takes no name"),
        ("{name: x}", "a name and a description"),
        ("{description: x}", "a name and a description"),
        ("{}", "a name and a description"),
        ("{name: a b, description: x}", "tools.0.name: must be letters"),
        ("{name: x, description: '  '}", "tools.0.description: must not be blank"),
        ("{name: x, description: 'For {nobody}'}", "unknown placeholder {nobody}"),
        ("{name: x, description: x, timeout: 0.5}", "tools.0.timeout: must be from 1s to 10m"),
        ("{name: x, description: x, timeout: 11m}", "tools.0.timeout: must be from 1s to 10m"),
        ("{name: x, description: x, mode: quick}", "tools.0.mode: "),
        ("{name: x, description: x, reaction: shout}", "tools.0.reaction: "),
        ("{name: x, description: x, execution: magic}", "tools.0.execution: "),
        ("{name: x, description: x, parameters: {type: array}}", "tools.0.parameters: must have"),
        (
            "{name: x, description: x, parameters: {type: object, required: 1}}",
            "tools.0.parameters: is no JSON schema",
        ),
        ("{name: x, description: x, filler_after: 2s}", "filler_text is said, which is missing"),
        (
            "{name: x, description: x, filler_text: Hm., filler_after: 10s}",
            "must be shorter than timeout",
        ),
        ("{name: x, description: x, colour: red}", "tools.0.colour: is unknown"),
    ],
)
def test_mistake_is_told_by_its_place(tool: str, problem: str) -> None:
    [told] = problems(f"  - {tool}")
    assert told.startswith("a.yaml:8:")
    assert problem in told


def test_two_tools_cannot_have_one_name() -> None:
    two = "  - {name: x, description: a}\n  - {name: x, description: b}"
    assert "names a tool twice: x" in problems(two)[0]
    builtin = "  - builtin: end_call\n  - {name: end_call, description: b}"
    assert "names a tool twice: end_call" in problems(builtin)[0]


def test_a_language_cannot_be_switched_where_there_is_one() -> None:
    file = FILE.replace("[en, es-MX]", "[en]") + "  - builtin: notify_language_switch"
    with pytest.raises(BadFile) as bad:
        read_agent("a.yaml", file.encode())
    assert "one language only" in str(bad.value)


def test_there_are_not_too_many() -> None:
    many = "\n".join(f"  - {{name: t{number}, description: x}}" for number in range(65))
    assert "at most 64" in problems(many)[0]


class TestGivenByACall:
    def test_tools_stand_beside_the_agent_s_own(self) -> None:
        tools = resolved("  - builtin: end_call", tools=(GIVEN,)).model.tools
        assert [tool.name for tool in tools] == ["end_call", "book"]
        assert tools[1] == GIVEN

    def test_placeholders_are_filled_in(self) -> None:
        given = replace(GIVEN, description="For {caller_name}.", filler_text="Hm, {caller_name}.")
        [tool] = resolved("  []", tools=(given,)).model.tools
        assert (tool.description, tool.filler_text) == ("For Ada.", "Hm, Ada.")

    def test_name_of_the_agent_s_own_tool_is_taken(self) -> None:
        wrong = violations("  - builtin: end_call", GIVEN, replace(GIVEN, name="end_call"))
        assert list(wrong) == ["agent.tools.tools[1].name"]

    def test_rules_of_files_hold_for_them_too(self) -> None:
        wrong = violations("  []", GIVEN, replace(GIVEN, name="b", description="For {nobody}."))
        assert list(wrong) == ["agent.tools.tools[1].description"]

    def test_there_are_not_too_many_in_all(self) -> None:
        own = "\n".join(f"  - {{name: t{number}, description: x}}" for number in range(60))
        given = [replace(GIVEN, name=f"g{number}") for number in range(5)]
        assert list(violations(own, *given)) == ["agent.tools.tools"]

    def test_agent_that_does_not_allow_them_refuses_them(self) -> None:
        file = FILE.replace("[tools, instructions]", "[voice]") + "  []"
        request = AgentRequest(
            AgentId("clara"), TenantId(""), overrides=AgentOverrides(tools=(GIVEN,))
        )
        with pytest.raises(InvalidRequest) as refused:
            resolve(read_agent("a.yaml", file.encode()), request, "m")
        assert [violation.field for violation in refused.value.violations] == ["agent.tools"]
