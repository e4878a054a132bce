"""When the model responds: who may start a response, who may cut it off, and what it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bridge.simulator.behaviours import Behaviour, Output, ToolCall, ToolOutput, Turn
from bridge.simulator.config import SessionConfig
from bridge.simulator.conversation import Conversation
from bridge.simulator.faults import FaultPlan, ResponseFault
from bridge.simulator.notes import TurnNotes, words_of
from bridge.simulator.outlet import Outlet
from bridge.simulator.response import Pace, Response, ResponsePlan
from bridge.simulator.usage import Meter
from bridge.simulator.wire import JsonObject, Refusal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a responder needs from its session."""

    tasks: asyncio.TaskGroup
    """Where responses run."""
    on_speaking: Callable[[], None]
    """Called at the first delta of a response in the conversation."""
    on_done: Callable[[Response], None]
    """Called before a response's response.done is sent."""
    on_fault: Callable[[ResponseFault], Awaitable[None]]
    """Called to strike in the middle of a response."""
    hang_up: Callable[[], Awaitable[None]]
    """Called to end the session, as the behaviour wishes."""


class Responder:
    """Owns a session's responses: one at a time in the conversation, any number outside it."""

    def __init__(
        self,
        *,
        behaviour: Behaviour,
        config: SessionConfig,
        conversation: Conversation,
        notes: TurnNotes,
        outlet: Outlet,
        pace: Pace,
        faults: FaultPlan,
        surroundings: Surroundings,
    ) -> None:
        self._behaviour = behaviour
        self._config = config
        self._conversation = conversation
        self._notes = notes
        self._outlet = outlet
        self._pace = pace
        self._faults = faults
        self._surroundings = surroundings
        self._meter = Meter()
        self._active: Response | None = None
        self._outside: dict[str, Response] = {}
        self.has_spoken = False
        """Whether any audio has been sent, which fixes the voice."""

    @property
    def is_busy(self) -> bool:
        """Whether a response in the conversation is under way."""
        return self._active is not None

    async def create(self, params: JsonObject) -> None:
        """Start a response. Raises Refusal while another one is active in the conversation."""
        outside = params.get("conversation") == "none"
        if not outside:
            await self._wait_for_ending()
        if self._active and not outside:
            raise Refusal(
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        turn = self._turn(params, outside=outside)
        fault = self._faults.response_fault()
        response = Response(
            self._plan(params, fails=fault == "fail"),
            self._outlet,
            None if outside else self._conversation,
            lambda: self._first_delta(response, fault, outside=outside),
        )
        if outside:
            self._outside[response.id] = response
        else:
            self._active = response
        await response.announce()
        run = self._run(response, params, turn)
        self._surroundings.tasks.create_task(run, name=f"response {response.id}")

    def cancel(self, response_id: str | None) -> None:
        """Cut off the named response, or the active one. Raises Refusal when there is none."""
        if response_id is None:
            response = self._active
        else:
            active = self._active if self._active and self._active.id == response_id else None
            response = active or self._outside.get(response_id)
        if response is None or response.ending:
            raise Refusal(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        response.stop("client_cancelled")

    def interrupt(self) -> None:
        """Cut off the active response because the caller speaks."""
        if self._active:
            self._active.stop("turn_detected")

    async def echo(self, delta: str, audio_ms: float) -> None:
        """Send a chunk back in the endless response, starting one if there is none."""
        await self._wait_for_ending()
        if self._active is None:
            await self.create({})
        if self._active:
            await self._active.opened.wait()
            await self._active.echo(delta, audio_ms)

    async def _run(self, response: Response, params: JsonObject, turn: Turn) -> None:
        if self._behaviour.echoes:
            await response.stream_echo()
        else:
            await response.stream(lambda: self._answer(params, turn))
        self._surroundings.on_done(response)
        produced = {item.id for item in response.output}
        context = [item for item in self._conversation.items if item.id not in produced]
        instructions = params.get("instructions", self._config.instructions)
        usage = self._meter.response_usage(instructions, context, response.output)
        await response.finish(usage)
        if response is self._active:
            self._active = None
        self._outside.pop(response.id, None)
        if response.wants_hang_up:
            await self._surroundings.hang_up()

    def _answer(self, params: JsonObject, turn: Turn) -> Sequence[Output]:
        outputs = self._behaviour.answer(turn)
        if params.get("tool_choice", self._config.tool_choice) != "none":
            return outputs
        return [output for output in outputs if not isinstance(output, ToolCall)]

    def _turn(self, params: JsonObject, *, outside: bool) -> Turn:
        instructions = params.get("instructions", self._config.instructions)
        if "input" not in params or params["input"] is None:
            take = self._notes.look if outside else self._notes.take
            return take(instructions)
        items = [self._input_item(body) for body in params["input"]]
        outputs = [body for body in items if body["type"] == "function_call_output"]
        called = {
            body.get("call_id"): body["name"] for body in items if body["type"] == "function_call"
        }
        return Turn(
            number=self._notes.number,
            text="\n".join(filter(None, map(words_of, items))),
            tool_outputs=tuple(
                ToolOutput(called.get(body["call_id"], ""), body["output"]) for body in outputs
            ),
            instructions=instructions,
        )

    def _input_item(self, body: JsonObject) -> JsonObject:
        if body["type"] != "item_reference":
            return body
        return self._conversation.retrieve(body["id"]).body

    def _plan(self, params: JsonObject, *, fails: bool) -> ResponsePlan:
        output = params.get("audio", {}).get("output", {})
        modality = params.get("output_modalities", self._config.output_modalities)[0]
        return ResponsePlan(
            modality=modality,
            output_format=output.get("format") or self._config.output_format,
            voice=output.get("voice") or self._config.voice,
            max_output_tokens=params.get("max_output_tokens", self._config.max_output_tokens),
            metadata=params.get("metadata"),
            pace=self._pace,
            failure_code=self._faults.faults.error_code if fails else None,
        )

    async def _first_delta(
        self, response: Response, fault: ResponseFault | None, *, outside: bool
    ) -> None:
        self.has_spoken = self.has_spoken or response.audio_ms > 0
        if not outside:
            self._surroundings.on_speaking()
        if fault is not None:
            await self._surroundings.on_fault(fault)

    async def _wait_for_ending(self) -> None:
        """Let a response that is about to end do so: the next begins after its response.done."""
        if self._active and self._active.ending:
            await self._active.done.wait()
