"""How is a call placed: created over gRPC, spoken by a recording, ended once it is answered."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from bridge.cli.conversation import Conversation, Turns
from bridge.cli.display import Display, display_for
from bridge.cli.hearing import Hearing, hearing_of
from bridge.cli.microphone import Microphone
from bridge.cli.watch import show_figures
from bridge.client import BridgeCallError, BridgeClient
from bridge.groups import only_error
from bridge.room.caller import Caller
from bridge.v1.call_service_pb2 import CreateRoomResponse
from bridge.v1.report_pb2 import CallReport

# A greeting that has not begun by then is none.
_GREETING_BEGINS_WITHIN_S: Final = 5.0
_GREETING_ENDS_WITHIN_S: Final = 30.0
# Two who speak at once would be an interruption; people leave a moment.
_AFTER_GREETING_S: Final = 0.4
_ANSWERED_WITHIN_S: Final = 45.0
# Silence in which the caller may turn out not to have finished, or the agent goes on.
_SETTLED_S: Final = 1.0
_LAST_EVENT_WITHIN_S: Final = 5.0
_HANG_UP_WITHIN_S: Final = 15.0
_FIGURES_EVERY: Final = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """A call to place."""

    agent_id: str
    speech: bytes
    """48 kHz mono."""
    out: Path
    """Where the stereo recording goes."""
    name: str
    language: str = ""
    tenant_id: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    max_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that was placed."""

    report: CallReport
    hearing: Hearing
    """Of the agent, by the caller."""
    began_at: datetime
    """When the recording begins."""


async def place_call(bridge: BridgeClient, plan: CallPlan, console: Console) -> Outcome:
    """Place a call, show it, end it and write down what was heard.

    Cancelling ends the call.

    :raises BridgeCallError: the bridge refused, or was lost.
    :raises RoomUnreachable: LiveKit did not let the caller in.
    """
    created = await bridge.create_room(
        plan.name,
        plan.agent_id,
        voice_language=plan.language,
        tenant_id=plan.tenant_id,
        variables=plan.variables,
    )
    conversation = Conversation()
    began_at = datetime.now(UTC)
    try:
        with display_for(console, created.connection_id) as display:
            heard = await _hold(bridge, created, plan, conversation, display)
        report = conversation.report or await bridge.report(created.connection_id)
    finally:
        if not conversation.has_ended:
            await _hang_up(bridge, created.connection_id)
    return Outcome(report, heard, began_at)


async def _hold(
    bridge: BridgeClient,
    created: CreateRoomResponse,
    plan: CallPlan,
    conversation: Conversation,
    display: Display,
) -> Hearing:
    """Speak and listen until the call is over."""
    connection_id = created.connection_id

    async def follow() -> None:
        async with aclosing(bridge.watch(connection_id)) as events:
            async for event in events:
                display.event(event)
                conversation.take(event)

    with only_error():
        async with asyncio.TaskGroup() as tasks:
            figures = show_figures(bridge, connection_id, _FIGURES_EVERY, display)
            background = [
                tasks.create_task(follow(), name="events"),
                tasks.create_task(figures, name="figures"),
            ]
            heard = await _speak(created, plan, conversation)
            # Only now that the caller has left: livekit 1.2.1 crashes at the process's end when
            # a room was deleted under it.
            await _hang_up(bridge, connection_id)
            await conversation.until(lambda: conversation.has_ended, _LAST_EVENT_WITHIN_S)
            for task in background:
                task.cancel()
    return heard


async def _speak(
    created: CreateRoomResponse, plan: CallPlan, conversation: Conversation
) -> Hearing:
    """Join, speak, hear the answer, leave, and write down both voices."""
    joining = Caller.join(created.server_url, created.access_token, max_seconds=plan.max_seconds)
    async with joining as caller:
        async with asyncio.TaskGroup() as tasks:
            microphone = Microphone(caller)
            playing = tasks.create_task(microphone.run(), name="microphone")
            await converse_at_most(plan.max_seconds, conversation, microphone, plan.speech)
            playing.cancel()
        # Files are small, and nothing else of this call is going on any more.
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        plan.out.write_bytes(caller.stereo())
        return hearing_of(caller.heard.samples)


async def converse_at_most(
    seconds: float, turns: Turns, microphone: Microphone, speech: bytes
) -> None:
    """Do as `converse`, and break off after so long."""
    try:
        async with asyncio.timeout(seconds):
            await converse(turns, microphone, speech)
    except TimeoutError:
        return  # what was heard until then counts


async def converse(turns: Turns, microphone: Microphone, speech: bytes) -> None:
    """Let the agent greet, speak, and hear the answer out; returns early when the call ends."""
    if await turns.until(lambda: turns.agent_speaks, _GREETING_BEGINS_WITHIN_S):
        await turns.until(lambda: not turns.agent_speaks, _GREETING_ENDS_WITHIN_S)
        await turns.pause(_AFTER_GREETING_S)
    await turns.while_it_lasts(microphone.say(speech))
    async with asyncio.timeout(_ANSWERED_WITHIN_S):
        while await turns.until(lambda: turns.is_answered, _ANSWERED_WITHIN_S):
            if not await turns.until(lambda: not turns.is_answered, _SETTLED_S):
                return


async def _hang_up(bridge: BridgeClient, connection_id: str) -> None:
    """End the call, whatever state it is in; a bridge that is gone ends it by itself."""
    try:
        async with asyncio.timeout(_HANG_UP_WITHIN_S):
            await bridge.end_call(connection_id)
    except (BridgeCallError, TimeoutError):
        return
