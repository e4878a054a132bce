"""One agent for one call: language chosen, overrides applied, prompt filled in."""

from collections.abc import Iterable, Mapping
from typing import Final

from bridge.agents import overrides
from bridge.agents import tools as tool_options
from bridge.agents.greeting import GreetingPart, greeting_of, manner_without_effect
from bridge.agents.mcp_tools import Offered, mcp_tools_of, nothing_offered
from bridge.agents.prompt import NAMELESS, PromptParts, assemble, clean_name, fill
from bridge.agents.schema import AgentFile, LanguagePart
from bridge.agents.silence import steps_of
from bridge.agents.tags import choose, english_name, is_tag
from bridge.agents.tools import tools_of
from bridge.agents.turns import Turns, clashes, turns_of
from bridge.agents.variables import values_of
from bridge.errors import FieldViolation, InvalidRequest
from bridge.ids import AgentId
from bridge.ports.agent import (
    AgentLimits,
    AgentOverrides,
    AgentRequest,
    GreetingChange,
    NoisePolicy,
    PromptGreeting,
    ResolvedAgent,
    SayGreeting,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.model_config import ModelConfig
from bridge.ports.recording import RecordingFormat, RecordingPlan
from bridge.ports.tool import BuiltinTool, ToolSpec
from bridge.retention import Retention

# Twice the longest template: a value that stands in it a thousand times must not fill a context.
_MAX_PROMPT_CHARS: Final = 65_536


def resolve(
    agent: AgentFile,
    request: AgentRequest,
    default_model: str,
    offered: Offered = nothing_offered,
) -> ResolvedAgent:
    """
    :raises InvalidRequest: a language it does not speak, overrides it does not allow or that are
        wrong in themselves, variables it does not have or lacks; all of them are named.
    """
    tag, violations = _language(agent, request.language)
    part = agent.languages[tag] or LanguagePart()
    changes = request.overrides
    variables, wrong_variables = values_of(agent.variables, request.variables)
    turns = turns_of(agent, changes)
    greeting = part.greeting or agent.greeting
    violations += [
        *overrides.violations(agent, changes),
        *wrong_variables,
        *tool_options.clashes(agent.tool_names, changes.tools or ()),
        *_greeting_violations(greeting, changes.greeting),
        *_turn_violations(turns),
    ]
    if violations:
        raise InvalidRequest(violations)
    values = _values(agent, tag, clean_name(request.caller_name), variables)
    tools = tools_of(agent.tools, changes.tools or (), agent.languages, values)
    tools += mcp_tools_of(agent.mcp, offered, values)
    prompts = {tag: _prompt(agent, tag, changes.instructions, values) for tag in agent.languages}
    resolved = ResolvedAgent(
        agent_id=AgentId(agent.agent_id),
        name=agent.name,
        language=tag,
        model=_model(agent, tag, changes, default_model, prompts[tag], tools),
        greeting=greeting_of(greeting, changes.greeting or GreetingChange(), values),
        interruption=turns.rules,
        limits=_limits(agent, values),
        silence=steps_of(agent.silence, changes.silence, values),
        budget=Budget(agent.budget.max_tokens, agent.budget.max_micro_units),
        budget_exceeded_text=(
            agent.budget.exceeded_text and fill(agent.budget.exceeded_text, values)
        ),
        recording=_recording(agent),
        retention=Retention(agent.retention),
        noise=changes.noise or NoisePolicy(agent.noise.suppression, agent.noise.gain),
        prompts=prompts if _switches(tools) else {},
    )
    _check_lengths(resolved, "variables" if request.variables else "participant_name")
    return resolved


def _model(
    agent: AgentFile,
    tag: str,
    changes: AgentOverrides,
    default_model: str,
    instructions: str,
    tools: tuple[ToolSpec, ...],
) -> ModelConfig:
    part = agent.languages[tag] or LanguagePart()
    turns = turns_of(agent, changes)
    return ModelConfig(
        model=changes.model or agent.model or default_model,
        instructions=instructions,
        voice=changes.voice or part.voice or agent.voice,
        speed=agent.speed if changes.speed is None else changes.speed,
        turn_detection=turns.detection,
        create_response=turns.create_response,
        interruptible=turns.interruptible,
        language=tag,
        transcription_model=agent.transcription.model if agent.transcription else None,
        transcription_confidence=bool(agent.transcription and agent.transcription.confidence),
        noise_reduction=None if agent.noise_reduction == "off" else agent.noise_reduction,
        max_output_tokens=agent.max_output_tokens,
        tools=tools,
    )


def _limits(agent: AgentFile, values: Mapping[str, str]) -> AgentLimits:
    return AgentLimits(
        agent.limits.join_timeout,
        agent.limits.max_duration,
        agent.limits.rejoin_grace,
        agent.limits.time_exceeded and fill(agent.limits.time_exceeded, values),
    )


def _recording(agent: AgentFile) -> RecordingPlan | None:
    part = agent.recording
    return RecordingPlan(RecordingFormat(part.format), part.paused) if part else None


def _language(agent: AgentFile, wanted: str | None) -> tuple[str, list[FieldViolation]]:
    default = next(iter(agent.languages))
    if not wanted:
        return default, []
    spoken = ", ".join(agent.languages)
    if not is_tag(wanted):
        problem = f"must be a language tag such as en or es-MX; this agent speaks {spoken}"
        return default, [FieldViolation("voice_language", problem)]
    chosen = choose(wanted, agent.languages)
    if chosen is None:
        problem = f"this agent does not speak {wanted}; it speaks {spoken}"
        return default, [FieldViolation("voice_language", problem)]
    return chosen, []


def _greeting_violations(
    greeting: GreetingPart, change: GreetingChange | None
) -> list[FieldViolation]:
    return [
        FieldViolation(f"agent.greeting.{name}", "has no effect: the agent does not greet")
        for name in (manner_without_effect(greeting, change) if change else ())
    ]


def _turn_violations(turns: Turns) -> list[FieldViolation]:
    return [
        FieldViolation(".".join(("agent", *clash.path)), clash.problem) for clash in clashes(turns)
    ]


def _values(
    agent: AgentFile, tag: str, caller_name: str, variables: Mapping[str, str]
) -> dict[str, str]:
    return {
        **variables,
        "agent_name": agent.name,
        "caller_name": caller_name,
        "company": agent.company or "",
        "language": english_name(tag),
    }


def _switches(tools: Iterable[ToolSpec]) -> bool:
    return any(tool.execution is BuiltinTool.NOTIFY_LANGUAGE_SWITCH for tool in tools)


def _prompt(agent: AgentFile, tag: str, override: str | None, values: Mapping[str, str]) -> str:
    part = agent.languages[tag] or LanguagePart()
    named = {
        **values,
        "caller_name": values["caller_name"] or NAMELESS,
        "language": english_name(tag),
    }
    return assemble(
        PromptParts(
            instructions=fill(override or agent.instructions, named),
            language=named["language"],
            accent=part.accent and fill(part.accent, named),
            language_instructions=part.instructions and fill(part.instructions, named),
            caller_name=values["caller_name"],
            variables={name: values[name] for name in agent.variables},
        )
    )


def _check_lengths(agent: ResolvedAgent, field: str) -> None:
    """
    :raises InvalidRequest: what `field` has put in makes a text too long.
    """
    texts = {"prompt": max((agent.model.instructions, *agent.prompts.values()), key=len)}
    match agent.greeting:
        case SayGreeting(text) | PromptGreeting(text):
            texts["greeting"] = text
        case UserFirst():
            pass
    if agent.budget_exceeded_text is not None:
        texts["farewell"] = agent.budget_exceeded_text
    for number, step in enumerate(agent.silence, start=1):
        texts[f"silence step {number}"] = step.say or step.prompt or ""
    for tool in agent.model.tools:
        parts = (tool.description, tool.filler_text or "", tool.timeout_text or "")
        texts[f"tool {tool.name}"] = max(parts, key=len)
    violations = [
        FieldViolation(field, f"would make the {name} longer than {_MAX_PROMPT_CHARS} characters")
        for name, text in texts.items()
        if len(text) > _MAX_PROMPT_CHARS
    ]
    if violations:
        raise InvalidRequest(violations)
