"""ControlCall's requests become commands here; what is wrong with them is said field by field."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from bridge.api import fields, knowledge, overrides
from bridge.api.violations import Violations
from bridge.ids import ConnectionId
from bridge.ports.control import (
    AddContext,
    Command,
    CommandId,
    CommitTurn,
    EndSoftly,
    Interrupt,
    Mute,
    PressKeys,
    Respond,
    Say,
    SayBehaviour,
    SetMetadata,
    Side,
    UpdateAgent,
)
from bridge.ports.model_config import MAX_CONTEXT_CHARS, ContextItem, ItemRole
from bridge.ports.room import KEYS, MAX_KEYS
from bridge.v1 import call_service_pb2 as pb

_MAX_SPOKEN: Final = 4096
_MAX_INSTRUCTIONS: Final = 32_768
_MAX_COMMAND_ID: Final = 64
_MAX_TOOLS: Final = 128

_BEHAVIOURS: Final[Mapping[int, SayBehaviour]] = {
    pb.SAY_BEHAVIOR_UNSPECIFIED: SayBehaviour.QUEUE,
    pb.SAY_BEHAVIOR_REFUSE: SayBehaviour.REFUSE,
    pb.SAY_BEHAVIOR_QUEUE: SayBehaviour.QUEUE,
    pb.SAY_BEHAVIOR_INTERRUPT: SayBehaviour.INTERRUPT,
}
_SIDES: Final[Mapping[int, Side]] = {
    pb.MUTE_SIDE_CALLERS: Side.CALLERS,
    pb.MUTE_SIDE_AGENT: Side.AGENT,
    pb.MUTE_SIDE_RECORDING: Side.RECORDING,
}


def control_call(request: pb.ControlCallRequest) -> tuple[ConnectionId, CommandId, Command]:
    """
    :raises InvalidRequest: a field is wrong.
    """
    wrong = Violations()
    connection_id = fields.connection_id(request.connection_id, wrong)
    command_id = _command_id(request.command_id, wrong)
    command = _command(request, wrong)
    wrong.check()
    assert command is not None  # noqa: S101 - or a violation was noted
    return connection_id, command_id, command


def _command_id(value: str, wrong: Violations) -> CommandId:
    if len(value) > _MAX_COMMAND_ID or not (value.isascii() and value.isprintable()):
        wrong.add("command_id", f"at most {_MAX_COMMAND_ID} printable ASCII characters")
    return CommandId(value or f"command-{secrets.token_hex(8)}")


def _command(request: pb.ControlCallRequest, wrong: Violations) -> Command | None:
    read = _READERS.get(request.WhichOneof("command") or "")
    if read is None:
        wrong.add("command", "one command is required")
        return None
    return read(request, wrong)


def _respond(request: pb.ControlCallRequest, wrong: Violations) -> Respond:
    return Respond(_words("respond.instructions", request.respond.instructions, wrong))


def _end_softly(request: pb.ControlCallRequest, wrong: Violations) -> EndSoftly:
    return EndSoftly(_words("end_softly.text", request.end_softly.text, wrong))


def _set_metadata(request: pb.ControlCallRequest, wrong: Violations) -> SetMetadata:
    metadata = dict(request.set_metadata.metadata)
    fields.metadata("set_metadata.metadata", metadata, wrong)
    return SetMetadata(metadata)


def _say(request: pb.ControlCallRequest, wrong: Violations) -> Say:
    message = request.say
    text = _words("say.text", message.text, wrong)
    wrong.require("say.text", text or "")
    behaviour = _BEHAVIOURS.get(message.behavior)
    if behaviour is None:
        wrong.add("say.behavior", "unknown value")
    interruptible = message.interruptible if message.HasField("interruptible") else True
    return Say(text or "", behaviour or SayBehaviour.QUEUE, interruptible)


def _add_context(request: pb.ControlCallRequest, wrong: Violations) -> AddContext:
    told = request.add_context.message
    role = knowledge.ROLES.get(told.role)
    if role is None:
        wrong.add("add_context.message.role", "must be SYSTEM, USER or AGENT")
    if not told.text.strip():
        wrong.add("add_context.message.text", "required")
    if len(told.text) > MAX_CONTEXT_CHARS:
        wrong.add("add_context.message.text", f"at most {MAX_CONTEXT_CHARS} characters")
    return AddContext(ContextItem(role or ItemRole.SYSTEM, told.text), request.add_context.respond)


def _mute(request: pb.ControlCallRequest, wrong: Violations) -> Mute:
    side = _SIDES.get(request.mute.side)
    if side is None:
        wrong.add("mute.side", "must be CALLERS, AGENT or RECORDING")
    return Mute(side or Side.CALLERS, request.mute.muted)


def _update_agent(request: pb.ControlCallRequest, wrong: Violations) -> UpdateAgent:
    message, prefix = request.update_agent, "update_agent."
    if not message.ListFields():
        wrong.add("update_agent", "at least one field is required")
    instructions = message.instructions if message.HasField("instructions") else None
    if instructions is not None:
        if not instructions.strip():
            wrong.add(f"{prefix}instructions", "must not be empty")
        if len(instructions) > _MAX_INSTRUCTIONS:
            wrong.add(f"{prefix}instructions", f"at most {_MAX_INSTRUCTIONS} characters")
    voice = message.voice if message.HasField("voice") else None
    if voice is not None:
        overrides.check_provider_name(f"{prefix}voice", voice, wrong)
    detection = None
    if message.HasField("turn_detection"):
        detection = overrides.turns(message.turn_detection, wrong, f"{prefix}turn_detection")
    tools = tuple(message.tools.names) if message.HasField("tools") else None
    if tools is not None and len(tools) > _MAX_TOOLS:
        wrong.add(f"{prefix}tools.names", f"at most {_MAX_TOOLS}")
    return UpdateAgent(instructions, voice, detection, tools)


def _send_dtmf(request: pb.ControlCallRequest, wrong: Violations) -> PressKeys:
    digits = request.send_dtmf.digits
    if not (digits and len(digits) <= MAX_KEYS and set(digits) <= set(KEYS)):
        wrong.add("send_dtmf.digits", f"1 to {MAX_KEYS} of {KEYS}")
    return PressKeys(digits)


def _words(field: str, text: str, wrong: Violations) -> str | None:
    """Return what is to be said, None for nothing."""
    if len(text) > _MAX_SPOKEN:
        wrong.add(field, f"at most {_MAX_SPOKEN} characters")
    return text.strip() or None


_READERS: Final[Mapping[str, Callable[[pb.ControlCallRequest, Violations], Command]]] = {
    "say": _say,
    "interrupt": lambda _request, _wrong: Interrupt(),
    "respond": _respond,
    "add_context": _add_context,
    "mute": _mute,
    "update_agent": _update_agent,
    "set_metadata": _set_metadata,
    "send_dtmf": _send_dtmf,
    "end_softly": _end_softly,
    "commit_turn": lambda _request, _wrong: CommitTurn(),
}
