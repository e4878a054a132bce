"""What is a model told of the tools that the call itself executes?"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from bridge.agents.tags import english_name
from bridge.ports.room import MAX_KEYS
from bridge.ports.tool import BuiltinTool, ToolReaction, ToolSpec

# MAX_KEYS take half of it.
_DTMF_TIMEOUT_S: Final = 20.0

_END_CALL: Final = ToolSpec(
    name=BuiltinTool.END_CALL.value,
    description=(
        "Ends the call. Use it when the caller has said goodbye, or wants to hang up. "
        "Say goodbye first, in the same answer."
    ),
    parameters={"type": "object", "properties": {}},
    terminal=True,
    execution=BuiltinTool.END_CALL,
)
_SEND_DTMF: Final = ToolSpec(
    name=BuiltinTool.SEND_DTMF.value,
    description=(
        "Presses keys of a telephone, as a menu asks for. "
        "Only where a menu or a person in the call has asked for them."
    ),
    parameters={
        "type": "object",
        "properties": {
            "digits": {
                "type": "string",
                "description": "The keys in order: 0 to 9, *, # and A to D.",
                "pattern": "^[0-9*#A-D]+$",
                "minLength": 1,
                "maxLength": MAX_KEYS,
            }
        },
        "required": ["digits"],
    },
    timeout_s=_DTMF_TIMEOUT_S,
    reaction=ToolReaction.LISTEN,
    execution=BuiltinTool.SEND_DTMF,
)


def specification(
    tool: BuiltinTool, languages: Iterable[str], description: str | None = None
) -> ToolSpec:
    """Return a built-in tool of an agent that speaks these languages.

    `description` stands in place of the tool's own.
    """
    spec = _specification(tool, languages)
    return spec if description is None else replace(spec, description=description)


def _specification(tool: BuiltinTool, languages: Iterable[str]) -> ToolSpec:
    match tool:
        case BuiltinTool.END_CALL:
            return _END_CALL
        case BuiltinTool.SEND_DTMF:
            return _SEND_DTMF
        case BuiltinTool.NOTIFY_LANGUAGE_SWITCH:
            return _language_switch({tag: english_name(tag) for tag in languages})


def _language_switch(languages: Mapping[str, str]) -> ToolSpec:
    named = ", ".join(f"{tag} ({name})" for tag, name in languages.items())
    return ToolSpec(
        name=BuiltinTool.NOTIFY_LANGUAGE_SWITCH.value,
        description=(
            "Tells the telephone system that the talk goes on in another language. Use it as soon "
            f"as the caller wants that, before you answer in it. Languages: {named}."
        ),
        parameters={
            "type": "object",
            "properties": {"language": {"type": "string", "enum": list(languages)}},
            "required": ["language"],
        },
        execution=BuiltinTool.NOTIFY_LANGUAGE_SWITCH,
    )
