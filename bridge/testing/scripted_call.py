"""One scripted call: what it looks like now, what it tells, and what comes of each step."""

import json
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Final, assert_never

from bridge.ids import bot_identity_for, new_caller_identity, new_connection_id, room_name_for
from bridge.messages.times import timestamp
from bridge.ports.clock import Clock
from bridge.testing.event_log import EventLog
from bridge.testing.steps import (
    AgentSays,
    CallEnds,
    CallerJoins,
    CallerLeaves,
    CallerSays,
    Happens,
    Hold,
    ModelCallsTool,
    Step,
)
from bridge.testing.tool_use import tool_finished, tool_use
from bridge.testing.turns import ScriptedTurns
from bridge.v1 import call_pb2, event_pb2, report_pb2
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import tool_service_pb2 as tool_pb

RunTool = Callable[[tool_pb.ToolInvocation, float], Awaitable[tool_pb.ToolResult]]
"""Asks a registered tool server, for so many seconds."""

_OVER: Final = (call_pb2.CALL_STATE_ENDING, call_pb2.CALL_STATE_ENDED)


class ScriptedCall:
    """A call that is played step by step. Nobody hears it; whoever watches is told of it."""

    def __init__(self, request: pb.CreateRoomRequest, language: str, clock: Clock) -> None:
        connection_id = new_connection_id()
        self.call = call_pb2.Call(
            connection_id=connection_id,
            room_name=request.room_name or room_name_for(connection_id),
            request_id=request.request_id,
            tenant_id=request.tenant_id,
            agent_id=request.agent_id,
            voice_language=language,
            metadata=request.metadata,
            limits=request.limits,
            foreign_room=False,
            agent_state=call_pb2.AGENT_STATE_IDLE,
            create_time=timestamp(clock.now()),
            model="scripted",
            host_id="scripted",
        )
        """As it is now."""
        self.commands: dict[str, pb.ControlCallRequest] = {}
        """What was asked of it by ControlCall, by command id."""
        self.caller = call_pb2.Participant(
            identity=new_caller_identity(), name=request.participant_name, connected=False
        )
        self.log = EventLog(connection_id, clock)
        self._clock = clock
        self._numbers = count(1)
        self._turns = ScriptedTurns(clock)
        self._open()

    @property
    def is_over(self) -> bool:
        return self.call.state in _OVER

    @property
    def events(self) -> list[event_pb2.CallEvent]:
        """All that it has told so far."""
        return self.log.events

    @property
    def report(self) -> report_pb2.CallReport:
        """As it is now; complete once the call has ended."""
        return report_pb2.CallReport(
            call=self.call,
            complete=self.call.state == call_pb2.CALL_STATE_ENDED,
            turns=self._turns.all,
            tools=self._turns.tools,
        )

    async def play(self, steps: Iterable[Step], run_tool: RunTool) -> None:
        """Let these happen, one after the other, for as long as the call is live."""
        for step in steps:
            if self.is_over:
                return
            match step:
                case ModelCallsTool():
                    await self._use_tool(step, run_tool)
                case Hold():
                    await step.released()
                case _:
                    self._happen(step)
            self.call.last_activity.FromDatetime(self._clock.now())

    def end(
        self,
        reason: call_pb2.EndReason.ValueType = call_pb2.END_REASON_API_ENDED,
        fault: call_pb2.EndFault.ValueType = call_pb2.END_FAULT_NONE,
        detail: str = "",
    ) -> bool:
        """End it now; False: it had ended before, and the first cause stays."""
        if self.is_over:
            return False
        self._move(call_pb2.CALL_STATE_ENDING)
        self.call.end_reason, self.call.end_fault, self.call.end_detail = reason, fault, detail
        self.call.end_time.FromDatetime(self._clock.now())
        self._move(call_pb2.CALL_STATE_ENDED)
        self.call.last_sequence = len(self.events) + 1
        self.log.tell(ended=event_pb2.Ended(report=self.report))
        return True

    def obey(self, command_id: str, command: pb.ControlCallRequest) -> None:
        """Do as a gateway says, as far as watchers can see it. The same id again does nothing."""
        if command_id in self.commands:
            return
        self.commands[command_id] = command
        kind = command.WhichOneof("command") or ""
        applied = event_pb2.ControlApplied(
            command_id=command_id, command=type(getattr(command, kind)).__name__
        )
        self.log.tell(control_applied=applied)
        match kind:
            case "say":
                self._say(AgentSays(command.say.text))
            case "end_softly":
                if command.end_softly.text:
                    self._say(AgentSays(command.end_softly.text))
                self.end(detail="ControlCall: end_softly")
            case "set_metadata":
                merged = {**self.call.metadata, **command.set_metadata.metadata}
                self.call.metadata.clear()
                self.call.metadata.update({name: value for name, value in merged.items() if value})

    def _happen(
        self, step: CallerJoins | CallerSays | AgentSays | Happens | CallerLeaves | CallEnds
    ) -> None:
        match step:
            case CallerJoins():
                self._join()
            case CallerSays(text):
                self._hear(text)
            case AgentSays():
                self._say(step)
            case Happens(event):
                self.log.append(event)
            case CallerLeaves():
                self._leave()
            case CallEnds(reason, fault, detail):
                self.end(reason, fault, detail)
            case _:
                assert_never(step)

    def _open(self) -> None:
        self._move(call_pb2.CALL_STATE_CREATED)
        self._tell_media(event_pb2.LINK_STATE_CONNECTING)
        self._tell_media(event_pb2.LINK_STATE_READY)
        self.call.media_ready_time.FromDatetime(self._clock.now())
        self._move(call_pb2.CALL_STATE_WAITING)
        self._tell_model(event_pb2.LINK_STATE_CONNECTING)
        self.call.model_session_ids.append("scripted-1")
        self._tell_model(event_pb2.LINK_STATE_READY, "scripted-1")
        self.call.model_ready_time.FromDatetime(self._clock.now())

    def _join(self) -> None:
        self.caller.connected = True
        self.caller.microphone_on = False
        self.caller.join_time.FromDatetime(self._clock.now())
        self._tell_caller(event_pb2.PARTICIPANT_CHANGE_JOINED)
        if self.call.state == call_pb2.CALL_STATE_WAITING:
            self.call.join_time.CopyFrom(self.caller.join_time)
            self._move(call_pb2.CALL_STATE_ACTIVE)
        self._turn_to(call_pb2.AGENT_STATE_LISTENING)
        self.caller.microphone_on = True
        self._tell_caller(event_pb2.PARTICIPANT_CHANGE_MICROPHONE_ON)

    def _leave(self) -> None:
        self.caller.connected = self.caller.microphone_on = False
        self._tell_caller(event_pb2.PARTICIPANT_CHANGE_LEFT)
        self.end(call_pb2.END_REASON_PARTICIPANT_LEFT)

    def _hear(self, text: str) -> None:
        item_id = self._new("item")
        for speaking in (True, False):
            self.log.tell(user_speech=event_pb2.UserSpeech(speaking=speaking, item_id=item_id))
        self._turn_to(call_pb2.AGENT_STATE_THINKING)
        transcript = event_pb2.Transcript(
            item_id=item_id,
            role=event_pb2.TRANSCRIPT_ROLE_USER,
            text=text,
            final=True,
            participant_identity=self.caller.identity,
            interrupted=False,
        )
        self.log.tell(transcript=transcript)
        self._turns.caller_said(text)

    def _say(self, step: AgentSays) -> None:
        item_id, response_id = self._new("item"), self._new("response")
        heard = step.text if step.heard is None else step.heard
        is_cut = step.heard is not None
        started = event_pb2.ResponseStarted(response_id=response_id, greeting=step.is_greeting)
        self.log.tell(response_started=started)
        self._finish(response_id)
        measured = self._turns.agent_begins(step.waited_s)
        if measured is not None:
            self.log.tell(turn_measured=measured)
        self._turn_to(call_pb2.AGENT_STATE_SPEAKING)
        if is_cut:
            self.log.tell(interruption=event_pb2.Interruption(item_id=item_id, heard_text=heard))
        transcript = event_pb2.Transcript(
            item_id=item_id,
            role=event_pb2.TRANSCRIPT_ROLE_AGENT,
            text=heard,
            final=True,
            participant_identity=bot_identity_for(self.log.connection_id),
            interrupted=is_cut,
        )
        self.log.tell(transcript=transcript)
        self._turn_to(call_pb2.AGENT_STATE_LISTENING)
        self._turns.agent_said(heard, interrupted=is_cut)

    async def _use_tool(self, step: ModelCallsTool, run_tool: RunTool) -> None:
        response_id, tool_call_id = self._new("response"), self._new("call")
        arguments = json.dumps(step.arguments)
        self.log.tell(response_started=event_pb2.ResponseStarted(response_id=response_id))
        called = event_pb2.ToolCalled(
            tool_call_id=tool_call_id,
            name=step.name,
            response_id=response_id,
            arguments_json=arguments,
        )
        self.log.tell(tool_called=called)
        self._finish(response_id)
        invocation = tool_pb.ToolInvocation(
            tool_call_id=tool_call_id,
            connection_id=self.call.connection_id,
            agent_id=self.call.agent_id,
            tenant_id=self.call.tenant_id,
            name=step.name,
            arguments_json=arguments,
            metadata=self.call.metadata,
        )
        began_s = self._clock.monotonic_s()
        result = await run_tool(invocation, step.timeout_s)
        use = tool_use(invocation, result, self._clock.monotonic_s() - began_s)
        self.log.tell(tool_finished=tool_finished(use, result))
        self._turns.used(use)

    def _finish(self, response_id: str) -> None:
        finished = event_pb2.ResponseFinished(
            response_id=response_id, status=event_pb2.RESPONSE_STATUS_COMPLETED
        )
        self.log.tell(response_finished=finished)

    def _move(self, state: call_pb2.CallState.ValueType) -> None:
        changed = event_pb2.StateChanged(state=state, previous=self.call.state)
        self.call.state = state
        self.log.tell(state_changed=changed)

    def _turn_to(self, state: call_pb2.AgentState.ValueType) -> None:
        if self.call.agent_state != state:
            self.call.agent_state = state
            self.log.tell(agent_state_changed=event_pb2.AgentStateChanged(state=state))

    def _tell_media(self, state: event_pb2.LinkState.ValueType) -> None:
        self.log.tell(media_state_changed=event_pb2.MediaStateChanged(state=state))

    def _tell_model(self, state: event_pb2.LinkState.ValueType, session_id: str = "") -> None:
        changed = event_pb2.ModelStateChanged(state=state, session_id=session_id)
        self.log.tell(model_state_changed=changed)

    def _tell_caller(self, change: event_pb2.ParticipantChange.ValueType) -> None:
        del self.call.participants[:]
        self.call.participants.append(self.caller)
        told = event_pb2.ParticipantChanged(change=change, participant=self.caller)
        self.log.tell(participant_changed=told)

    def _new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"
