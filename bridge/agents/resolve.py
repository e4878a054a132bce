"""One agent for one call: language chosen, overrides applied, prompt filled in."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import ValidationError

from bridge.agents import greeting as greetings
from bridge.agents import tools as tool_options
from bridge.agents import turns as turn_options
from bridge.agents.greeting import greeting_of, manner_without_effect
from bridge.agents.mcp_tools import Offered, mcp_tools_of, nothing_offered
from bridge.agents.prompt import NAMELESS, Known, PromptParts, assemble, clean_name, fill
from bridge.agents.schema import AgentFile, LanguagePart, OverridesPart, SilenceStepPart
from bridge.agents.tags import choose, english_name, is_tag
from bridge.agents.tools import as_part, tools_of
from bridge.agents.turns import turns_of
from bridge.agents.variables import values_of
from bridge.errors import FieldViolation, InvalidRequest
from bridge.ids import AgentId
from bridge.ports.agent import (
    AgentLimits,
    AgentOverrides,
    AgentRequest,
    GreetingChange,
    InterruptionChange,
    NoisePolicy,
    PromptGreeting,
    ResolvedAgent,
    SayGreeting,
    SilenceStep,
    TurnsChange,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.model_config import ModelConfig
from bridge.ports.tool import BuiltinTool, ToolSpec

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
    violations += _override_violations(agent, request.overrides)
    variables, wrong_variables = values_of(agent.variables, request.variables)
    violations += wrong_variables
    violations += tool_options.clashes(agent.tool_names, request.overrides.tools or ())
    part = agent.languages[tag] or LanguagePart()
    changes = request.overrides
    own_greeting, greeting_change = part.greeting or agent.greeting, changes.greeting
    if greeting_change is not None:
        violations += [
            FieldViolation(f"agent.greeting.{name}", "has no effect: the agent does not greet")
            for name in manner_without_effect(own_greeting, greeting_change)
        ]
    turns = turns_of(agent, changes)
    violations += [
        FieldViolation(".".join(("agent", *clash.path)), clash.problem)
        for clash in turn_options.clashes(turns)
    ]
    if violations:
        raise InvalidRequest(violations)
    values = _values(agent, tag, clean_name(request.caller_name), variables)
    greeting = greeting_of(own_greeting, greeting_change or GreetingChange(), values)
    prompt = _prompt(agent, tag, changes.instructions, values)
    tools = tools_of(agent.tools, changes.tools or (), agent.languages, values)
    tools += mcp_tools_of(agent.mcp, offered, values)
    resolved = ResolvedAgent(
        agent_id=AgentId(agent.agent_id),
        name=agent.name,
        language=tag,
        model=ModelConfig(
            model=changes.model or agent.model or default_model,
            instructions=prompt,
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
        ),
        greeting=greeting,
        interruption=turns.rules,
        limits=AgentLimits(
            agent.limits.join_timeout,
            agent.limits.max_duration,
            agent.limits.rejoin_grace,
            agent.limits.time_exceeded and fill(agent.limits.time_exceeded, values),
        ),
        silence=tuple(_silence_step(step, values) for step in agent.silence),
        budget=Budget(agent.budget.max_tokens, agent.budget.max_micro_units),
        budget_exceeded_text=(
            agent.budget.exceeded_text and fill(agent.budget.exceeded_text, values)
        ),
        noise=changes.noise or NoisePolicy(agent.noise.suppression, agent.noise.gain),
        prompts=_prompts(agent, changes.instructions, values) if _switches(tools) else {},
    )
    _check_lengths(resolved, "variables" if request.variables else "participant_name")
    return resolved


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


def _override_violations(agent: AgentFile, overrides: AgentOverrides) -> list[FieldViolation]:
    given: dict[str, object] = {
        field.name: value
        for field in dataclasses.fields(overrides)
        if (value := getattr(overrides, field.name)) is not None
    }
    allowed = ", ".join(sorted(agent.overridable)) or "nothing"
    violations = [
        FieldViolation(
            f"agent.{name}", f"this agent does not allow it to be changed; it allows {allowed}"
        )
        for name in given
        if name not in agent.overridable
    ]
    wanted = {name: _plain(value) for name, value in given.items() if name in agent.overridable}
    try:
        known = Known(bool(agent.company), frozenset(agent.variables))
        OverridesPart.model_validate(wanted, context=known)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            # The words that pydantic puts in for a union's member are the names in the proto.
            path = _path(detail["loc"])
            problem = str(detail.get("ctx", {}).get("error", detail["msg"]))
            violations.append(FieldViolation(path, problem))
    return violations


def _path(location: tuple[int | str, ...]) -> str:
    """Return a field's name as the API spells it; a list there is a message that holds one."""
    match location:
        case ("tools", int(index), *rest):
            return ".".join((f"agent.tools.tools[{index}]", *map(str, rest)))
        case ("tools",):
            return "agent.tools.tools"
    return ".".join(("agent", *map(str, location)))


def _plain(value: object) -> object:
    match value:
        case tuple():
            return [as_part(tool) for tool in value]
        case TurnsChange() | InterruptionChange():
            return turn_options.as_written(value)
        case GreetingChange():
            return greetings.as_written(value)
        case NoisePolicy():
            return dataclasses.asdict(value)
    return value


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


def _prompts(
    agent: AgentFile, override: str | None, values: Mapping[str, str]
) -> Mapping[str, str]:
    return {tag: _prompt(agent, tag, override, values) for tag in agent.languages}


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


def _silence_step(part: SilenceStepPart, values: Mapping[str, str]) -> SilenceStep:
    return SilenceStep(
        part.after,
        part.say and fill(part.say, values),
        part.prompt and fill(part.prompt, values),
        part.end,
    )
