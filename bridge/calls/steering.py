"""What a gateway asks of a running call, and what becomes of it: applied, or refused."""

import asyncio
from collections import OrderedDict
from typing import Final, assert_never

from bridge.calls.conversation import Conversation
from bridge.calls.ending import Farewell, Verdict
from bridge.calls.keypad import Keypad
from bridge.calls.media import CallMedia
from bridge.calls.parts import Spawn
from bridge.calls.record import CallRecord
from bridge.calls.speech.delivery import Outcome
from bridge.calls.speech.ears import Deaf
from bridge.errors import ModelError, RoomError
from bridge.ports.call import Ending, EndReason
from bridge.ports.control import (
    AddContext,
    Applied,
    Command,
    CommandId,
    CommitTurn,
    ControlOutcome,
    EndSoftly,
    Interrupt,
    Mute,
    PressKeys,
    Refused,
    Respond,
    Say,
    SayBehaviour,
    SetMetadata,
    Side,
    UpdateAgent,
)
from bridge.ports.event import ControlApplied, ControlRefused
from bridge.ports.model_config import ConfigChange, ContextItem, ItemRole
from bridge.ports.room_event import ChatReceived

CONTROL_TAG: Final = "control"
CHAT_TAG: Final = "chat"
NOT_SAID: Final = "not_said"
CHAT_NOT_ANSWERED: Final = "chat_not_answered"
KEYS_NOT_PRESSED: Final = "keys_not_pressed"

_MAX_REMEMBERED: Final = 256
"""Commands whose outcome is still known when they are sent again."""
_MAX_METADATA: Final = 32

_NOT_READY: Final = Refused("agent_not_ready", "the agent is not there yet")
_ENDING: Final = Refused("call_ending", "the end of the call has been decided")


class Steering:
    """Applies commands, one after the other as they come."""

    def __init__(
        self, media: CallMedia, record: CallRecord, verdict: Verdict, spawn: Spawn
    ) -> None:
        """
        :param spawn: starts a part of the call: what takes longer than the command itself.
        """
        self._media = media
        self._record = record
        self._verdict = verdict
        self._spawn = spawn
        self._outcomes: OrderedDict[CommandId, ControlOutcome] = OrderedDict()
        self._applying = asyncio.Lock()  # whoever comes first has it first

    async def apply(self, command_id: CommandId, command: Command) -> ControlOutcome:
        """Apply a command, and tell the watchers; one that was applied before is not again."""
        async with self._applying:
            return await self._apply(command_id, command)

    def read(self, chat: ChatReceived) -> None:
        """Let the agent answer what somebody has written to it."""
        conversation = self._media.conversation
        if conversation is None or self._verdict.ending is not None:
            self._record.warn(CHAT_NOT_ANSWERED, "the agent is not there to read it")
            return
        self._spawn(self._answer(conversation, chat.text), "chat")

    async def _apply(self, command_id: CommandId, command: Command) -> ControlOutcome:
        if (known := self._outcomes.get(command_id)) is not None:
            return known
        outcome = await self._outcome(command)
        self._outcomes[command_id] = outcome
        if len(self._outcomes) > _MAX_REMEMBERED:
            self._outcomes.popitem(last=False)
        name = type(command).__name__
        match outcome:
            case Applied():
                self._record.tell(ControlApplied(command_id, name))
            case Refused(reason, message):
                self._record.tell(ControlRefused(command_id, name, reason, message))
            case _:
                assert_never(outcome)
        return outcome

    async def _outcome(self, command: Command) -> ControlOutcome:
        if self._verdict.ending is not None:
            return _ENDING
        match command:
            case EndSoftly(text):
                ending = Ending(EndReason.API_ENDED, "ControlCall: end_softly")
                self._verdict.reach(ending, farewell=Farewell(text))
                return Applied()
            case SetMetadata():
                return self._set_metadata(command)
            case PressKeys(digits):
                return self._press_keys(digits)
            case Mute(Side.CALLERS, muted):
                gate = self._media.uplink.gate
                if muted:
                    gate.close(Deaf.MUTED)
                else:
                    gate.open(Deaf.MUTED)
                return Applied()
            case Mute(Side.RECORDING, muted):
                if not self._media.recording.is_wanted:
                    return Refused("not_recorded", "the call is not recorded")
                self._media.recording.pause(muted)
                return Applied()
            case _:
                return await self._of_the_talk(command)

    async def _of_the_talk(
        self, command: Say | Interrupt | Respond | AddContext | Mute | UpdateAgent | CommitTurn
    ) -> ControlOutcome:
        conversation = self._media.conversation
        if conversation is None:
            return _NOT_READY
        try:
            return await self._to_the_agent(command, conversation)
        except ModelError:
            return Refused("model_lost", "the model's session is gone")

    async def _to_the_agent(
        self,
        command: Say | Interrupt | Respond | AddContext | Mute | UpdateAgent | CommitTurn,
        conversation: Conversation,
    ) -> ControlOutcome:
        match command:
            case Say(behaviour=SayBehaviour.REFUSE) if not conversation.quiet:
                return Refused("somebody_speaks", "the agent or a caller is speaking")
            case Say():
                self._spawn(self._say(conversation, command), "say")
            case Interrupt():
                await conversation.utterances.hush()
            case Respond(instructions):
                self._spawn(self._prompt(conversation, instructions), "respond")
            case AddContext():
                await self._add_context(conversation, command)
            case Mute(_, muted):
                conversation.voice.muted = muted
            case UpdateAgent():
                return await self._update(conversation, command)
            case CommitTurn():
                return await self._commit_turn(conversation)
            case _:
                assert_never(command)
        return Applied()

    async def _add_context(self, conversation: Conversation, command: AddContext) -> None:
        await conversation.add_context(command.item)
        if command.respond:
            self._spawn(self._prompt(conversation, None), "respond")

    async def _commit_turn(self, conversation: Conversation) -> ControlOutcome:
        if not conversation.control.is_manual:
            return Refused("turns_not_manual", "the agent finds the end of turns itself")
        await conversation.turns.commit()
        return Applied()

    async def _update(self, conversation: Conversation, change: UpdateAgent) -> ControlOutcome:
        view = self._record.view()
        if change.voice is not None and view.first_agent_audio_at is not None:
            return Refused("voice_is_fixed", "the agent has spoken: its voice cannot change")
        tools = None
        if change.tools is not None:
            offered = {tool.name: tool for tool in view.spec.agent.model.tools}
            if unknown := set(change.tools) - offered.keys():
                return Refused("unknown_tool", f"the call has no tool {min(unknown)}")
            tools = tuple(offered[name] for name in offered if name in change.tools)
        if change.instructions is not None:
            self._record.instructions_are_replaced()
        await conversation.update(
            ConfigChange(instructions=change.instructions, voice=change.voice, tools=tools),
            change.turn_detection,
        )
        return Applied()

    def _press_keys(self, digits: str) -> ControlOutcome:
        if (keypad := self._media.keypad) is None:
            return _NOT_READY
        self._spawn(self._press(keypad, digits), "keys")
        return Applied()

    async def _press(self, keypad: Keypad, digits: str) -> None:
        try:
            await keypad.press(digits)
        except RoomError:
            self._record.warn(KEYS_NOT_PRESSED, "LiveKit did not take the keys")

    def _set_metadata(self, command: SetMetadata) -> ControlOutcome:
        merged = {**self._record.view().spec.metadata, **command.metadata}
        kept = {key: value for key, value in merged.items() if value}
        if len(kept) > _MAX_METADATA:
            return Refused("too_much_metadata", f"a call has at most {_MAX_METADATA} entries")
        self._record.metadata_is(kept)
        return Applied()

    async def _say(self, conversation: Conversation, command: Say) -> None:
        self._note(
            await conversation.utterances.say(
                command.text,
                tag=CONTROL_TAG,
                behaviour=command.behaviour,
                interruptible=command.interruptible,
            )
        )

    async def _prompt(self, conversation: Conversation, instructions: str | None) -> None:
        self._note(await conversation.utterances.prompt(instructions, tag=CONTROL_TAG))

    async def _answer(self, conversation: Conversation, text: str) -> None:
        await conversation.add_context(ContextItem(ItemRole.USER, text))
        self._note(await conversation.utterances.prompt(tag=CHAT_TAG))

    def _note(self, outcome: Outcome) -> None:
        if outcome in (Outcome.REFUSED, Outcome.FAILED):
            self._record.warn(NOT_SAID, f"what was asked for was not said: {outcome.value}")
