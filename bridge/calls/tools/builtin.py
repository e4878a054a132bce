"""What do the tools do that the call itself executes?"""

from typing import Final

import orjson

from bridge.calls.keypad import Keypad
from bridge.calls.record import CallRecord
from bridge.errors import RoomError
from bridge.ids import AgentId
from bridge.ports.model import ModelSession
from bridge.ports.model_config import ConfigChange
from bridge.ports.room import KEYS
from bridge.ports.tool import (
    BuiltinTool,
    ToolExecutor,
    ToolExecutors,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
    ToolOutput,
    ToolSpec,
)

_NO_KEYS: Final = ToolFailure("invalid_arguments", "Keys are 0 to 9, *, # and A to D.", undone=True)
_KEYS_NOT_TAKEN: Final = ToolFailure("room_unreachable", "The keys could not be pressed.")


class CallExecutors:
    """Implements ToolExecutors for one call: what it executes itself, and who else does."""

    def __init__(
        self, session: ModelSession, keypad: Keypad, record: CallRecord, others: ToolExecutors
    ) -> None:
        self._others = others
        self._own: dict[BuiltinTool, ToolExecutor] = {
            BuiltinTool.END_CALL: _EndCall(),
            BuiltinTool.NOTIFY_LANGUAGE_SWITCH: _SwitchLanguage(session, record),
            BuiltinTool.SEND_DTMF: _SendDtmf(keypad),
        }

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:
        if isinstance(tool.execution, BuiltinTool):
            return self._own[tool.execution]
        return self._others.executor(agent_id, tool)


class _EndCall:
    """Agrees: that the tool is terminal is what ends the call."""

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:  # noqa: ARG002 - the port's
        return _output(status="the call ends")


class _SwitchLanguage:
    def __init__(self, session: ModelSession, record: CallRecord) -> None:
        self._session = session
        self._record = record

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        language = str(orjson.loads(invocation.arguments)["language"])
        prompt = self._record.view().spec.agent.prompts.get(language)
        await self._session.update(ConfigChange(instructions=prompt, language=language))
        self._record.language_is(language)
        return _output(language=language)


class _SendDtmf:
    def __init__(self, keypad: Keypad) -> None:
        self._keypad = keypad

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        digits = str(orjson.loads(invocation.arguments)["digits"])
        if not set(digits) <= set(KEYS):
            return _NO_KEYS
        try:
            await self._keypad.press(digits)
        except RoomError:
            return _KEYS_NOT_TAKEN
        return _output(pressed=digits)


def _output(**fields: str) -> ToolOutput:
    return ToolOutput(orjson.dumps(fields).decode())
