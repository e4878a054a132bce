"""What a call may change of its agent, and what is wrong with what it asks for."""

import dataclasses

from pydantic import ValidationError

from bridge.agents import greeting as greetings
from bridge.agents import silence, turn_parts
from bridge.agents.prompt import Known
from bridge.agents.schema import AgentFile, OverridesPart
from bridge.agents.tools import as_part
from bridge.errors import FieldViolation
from bridge.ports.agent import (
    AgentOverrides,
    GreetingChange,
    InterruptionChange,
    NoisePolicy,
    SilenceStep,
    TurnsChange,
)


def violations(agent: AgentFile, overrides: AgentOverrides) -> list[FieldViolation]:
    given: dict[str, object] = {
        field.name: value
        for field in dataclasses.fields(overrides)
        if (value := getattr(overrides, field.name)) is not None
    }
    allowed = ", ".join(sorted(agent.overridable)) or "nothing"
    found = [
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
            found.append(FieldViolation(path, problem))
    return found


def _path(location: tuple[int | str, ...]) -> str:
    """Return a field's name as the API spells it; a list there is a message that holds one."""
    match location:
        case ("tools", int(index), *rest):
            return ".".join((f"agent.tools.tools[{index}]", *map(str, rest)))
        case ("tools",):
            return "agent.tools.tools"
        case ("silence", int(index), *rest):
            return ".".join((f"agent.silence.steps[{index}]", *map(str, rest)))
        case ("silence",):
            return "agent.silence.steps"
    return ".".join(("agent", *map(str, location)))


def _plain(value: object) -> object:
    match value:
        case tuple():
            return [
                silence.as_written(one) if isinstance(one, SilenceStep) else as_part(one)
                for one in value
            ]
        case TurnsChange() | InterruptionChange():
            return turn_parts.as_written(value)
        case GreetingChange():
            return greetings.as_written(value)
        case NoisePolicy():
            return dataclasses.asdict(value)
    return value
