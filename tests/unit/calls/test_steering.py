"""What a gateway asks of a running call: by what the model is asked, and what is heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest

from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.agent import TurnsChange
from bridge.ports.call import EndReason, StartPolicy
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
from bridge.ports.event import (
    ChatWritten,
    ControlApplied,
    ControlRefused,
    DtmfSent,
    Interruption,
    TurnAwaitsResponse,
    Warned,
)
from bridge.ports.model_config import ContextItem, ItemRole, ManualTurns, SemanticVad
from bridge.ports.model_event import SpeechStarted, SpeechStopped
from bridge.ports.room_event import ChatReceived
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Added, Answers, Responded, Updated
from tests.tones import amplitude_at, tone
from tests.unit.calls.rig import Carried, World, carrying

_NUMBERS = count(1)
FACT = ContextItem(ItemRole.SYSTEM, "The parcel has arrived.")


@asynccontextmanager
async def going_on(world: World) -> AsyncIterator[Carried]:
    """Carry a call with a caller, and a model that answers everything at once."""
    async with carrying(world) as call:
        call.session.answers = Answers.WHOLE
        await call.join()
        yield call


async def asked(call: Carried, command: Command, command_id: str = "") -> ControlOutcome:
    named = CommandId(command_id or f"c{next(_NUMBERS)}")
    outcome = await call.call.control(named, command)
    await settle()
    return outcome


def requests_of(call: Carried) -> list[Responded]:
    return [sent for sent in call.session.sent if isinstance(sent, Responded)]


async def test_agent_says_what_the_gateway_wants_and_watchers_know(world: World) -> None:
    async with going_on(world) as call:
        assert await asked(call, Say("One moment."), "say-1") == Applied()
        assert requests_of(call) == [Responded("control", None, "One moment.")]
        assert ControlApplied("say-1", "Say") in call.kinds


async def test_same_command_again_does_nothing_and_is_answered_the_same(world: World) -> None:
    async with going_on(world) as call:
        first = await asked(call, Say("One moment."), "again")
        assert await asked(call, Say("One moment."), "again") == first
        assert len(requests_of(call)) == 1


async def test_same_command_sent_again_while_it_is_applied_is_applied_once(world: World) -> None:
    async with going_on(world) as call, asyncio.TaskGroup() as gateways:
        call.session.takes_commands.clear()
        asking = call.call.control
        first = gateways.create_task(asking(CommandId("again"), AddContext(FACT)))
        again = gateways.create_task(asking(CommandId("again"), AddContext(FACT)))
        await settle()
        call.session.takes_commands.set()
        assert await first == await again == Applied()
        await settle()
        assert call.session.sent.count(Added(FACT)) == 1
        assert call.kinds.count(ControlApplied("again", "AddContext")) == 1


async def test_commands_are_applied_in_their_order_however_long_one_takes(world: World) -> None:
    async with going_on(world) as call, asyncio.TaskGroup() as gateways:
        call.session.takes_commands.clear()
        gateways.create_task(call.call.control(CommandId("first"), AddContext(FACT)))
        gateways.create_task(call.call.control(CommandId("second"), Mute(Side.AGENT, muted=True)))
        await settle()
        call.session.takes_commands.set()
        await settle()
        applied = [kind for kind in call.kinds if isinstance(kind, ControlApplied)]
        assert [control.command_id for control in applied] == ["first", "second"]


async def test_words_wait_in_the_queue_interrupt_or_are_refused_while_the_agent_speaks(
    world: World,
) -> None:
    async with going_on(world) as call:
        call.session.answer(audio_ms=2000)
        await call.pass_time(0.5)
        refused = await asked(call, Say("Now.", SayBehaviour.REFUSE), "now")
        assert refused == Refused("somebody_speaks", "the agent or a caller is speaking")
        assert ControlRefused("now", "Say", "somebody_speaks", refused.message) in call.kinds
        await asked(call, Say("Later."))
        assert requests_of(call) == []
        await asked(call, Say("At once.", SayBehaviour.INTERRUPT))
        assert [request.say for request in requests_of(call)] == ["At once."]
        await call.pass_time(3)
        assert [request.say for request in requests_of(call)] == ["At once.", "Later."]


async def test_interrupt_stops_the_agent_in_the_middle(world: World) -> None:
    async with going_on(world) as call:
        call.session.begin_answer(audio_ms=5000)
        await call.pass_time(1)
        await asked(call, Interrupt())
        played = len(call.bot.fake_output.played)
        await call.pass_time(2)
        assert len(call.bot.fake_output.played) == played


async def test_respond_lets_the_agent_answer_with_the_gateway_s_instructions(world: World) -> None:
    async with going_on(world) as call:
        await asked(call, Respond("Offer a refund."))
        assert requests_of(call) == [Responded("control", "Offer a refund.", None)]


def model_stops(call: Carried) -> bool:
    return call.session.config.interruptible


async def test_keys_of_the_gateway_are_pressed_one_behind_the_other(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        assert await asked(call, PressKeys("12#")) == Applied()
        assert await asked(call, PressKeys("A")) == Applied()
        await settle()
        assert human.keys == "12#A"
        assert [kind for kind in call.kinds if isinstance(kind, DtmfSent)] == [
            DtmfSent("12#"),
            DtmfSent("A"),
        ]


async def test_keys_that_livekit_does_not_take_are_a_warning_and_not_told(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        call.bot.keys_are_stuck = True
        assert await asked(call, PressKeys("1")) == Applied()
        assert Warned("keys_not_pressed", "LiveKit did not take the keys") in call.kinds
        assert DtmfSent("1") not in call.kinds


@pytest.mark.parametrize("respond", [True, False])
async def test_context_is_told_and_answered_only_if_that_was_asked(
    world: World, respond: bool
) -> None:
    async with going_on(world) as call:
        await asked(call, AddContext(FACT, respond))
        assert Added(FACT) in call.session.sent
        assert len(requests_of(call)) == respond


async def test_muted_callers_are_silence_to_the_model_and_then_are_heard_again(
    world: World,
) -> None:
    async with carrying(world) as call:
        human = await call.join()
        for muted in (True, False):
            await asked(call, Mute(Side.CALLERS, muted))
            call.session.audio.clear()
            for _ in range(20):
                human.speak(tone(1000, 20))
                await settle()
            assert len(call.session.audio) > 0.3 * MODEL_RATE_HZ * 2, "silence, not a gap"
            heard = amplitude_at(bytes(call.session.audio[4800:]), 1000, MODEL_RATE_HZ)
            assert (heard < 10) is muted


async def test_muted_agent_is_silence_in_the_room_and_its_time_goes_on(world: World) -> None:
    async with going_on(world) as call:
        await asked(call, Mute(Side.AGENT, True))
        call.session.answer(audio_ms=1000)
        await call.pass_time(2)
        assert not any(call.bot.fake_output.played)
        assert call.call.report().media.played_ms == pytest.approx(1000, abs=20)


async def test_agent_goes_on_with_other_instructions_turns_and_tools(world: World) -> None:
    async with going_on(world) as call:
        change = UpdateAgent("Be brief.", turn_detection=TurnsChange(SemanticVad("low")), tools=())
        assert await asked(call, change) == Applied()
        (updated,) = (sent for sent in call.session.sent if isinstance(sent, Updated))
        assert updated.change.instructions == "Be brief."
        assert updated.change.turn_detection == SemanticVad("low")
        assert updated.change.tools == ()


async def test_gateway_takes_the_decision_to_answer_and_gives_it_back(world: World) -> None:
    async with going_on(world) as call:
        for answers in (False, True):
            change = UpdateAgent(turn_detection=TurnsChange(create_response=answers))
            await asked(call, change)
            assert call.session.config.create_response is answers
            call.session.push(SpeechStarted("u1", 0), SpeechStopped("u1", 100))
            await settle()
            awaits = [kind for kind in call.kinds if isinstance(kind, TurnAwaitsResponse)]
            assert awaits == [TurnAwaitsResponse("u1")], "the second one is the model's"


async def test_turn_is_committed_where_turns_are_manual_and_refused_elsewhere(
    world: World,
) -> None:
    async with going_on(world) as call:
        refused = await asked(call, CommitTurn())
        assert isinstance(refused, Refused)
        assert refused.reason == "turns_not_manual"
        await asked(call, UpdateAgent(turn_detection=TurnsChange(ManualTurns())))
        call.session.send_audio_nowait(bytes(48_000))
        assert await asked(call, CommitTurn()) == Applied()
        assert requests_of(call) == [Responded("turn", None, None)]


async def test_words_that_must_not_be_interrupted_are_not(world: World) -> None:
    async with going_on(world) as call:
        await asked(call, Say("This call is recorded.", interruptible=False))
        assert not model_stops(call)
        await call.pass_time(0.01)
        call.session.push(SpeechStarted("u1", 0))
        await call.pass_time(3)
        call.session.push(SpeechStopped("u1", 100))
        await call.pass_time(0.1)
        assert model_stops(call)
        assert not [kind for kind in call.kinds if isinstance(kind, Interruption)]


async def test_unknown_tool_and_a_voice_that_has_spoken_are_refused(world: World) -> None:
    async with going_on(world) as call:
        refused = await asked(call, UpdateAgent(tools=("fly",)))
        assert isinstance(refused, Refused)
        assert refused.reason == "unknown_tool"
        assert await asked(call, UpdateAgent(voice="ash")) == Applied()
        call.session.answer()
        await call.pass_time(1)
        refused = await asked(call, UpdateAgent(voice="sage"))
        assert isinstance(refused, Refused)
        assert refused.reason == "voice_is_fixed"


async def test_metadata_is_merged_and_empty_values_take_entries_away(world: World) -> None:
    async with carrying(world, replace(SPEC, metadata={"a": "1", "b": "2"})) as call:
        await asked(call, SetMetadata({"b": "", "c": "3"}))
        assert call.call.view().spec.metadata == {"a": "1", "c": "3"}
        many = {f"k{number}": "v" for number in range(31)}
        refused = await asked(call, SetMetadata(many))
        assert isinstance(refused, Refused)
        assert refused.reason == "too_much_metadata"


async def test_soft_end_lets_the_agent_finish_and_say_goodbye(world: World) -> None:
    async with going_on(world) as call:
        call.session.answer(audio_ms=2000)
        await call.pass_time(0.5)
        assert await asked(call, EndSoftly("Goodbye.")) == Applied()
        assert requests_of(call) == []
        await call.pass_time(1.7)
        assert [request.say for request in requests_of(call)] == ["Goodbye."]
        assert await asked(call, Say("Wait.")) == Refused(
            "call_ending", "the end of the call has been decided"
        )
        await call.pass_time(1)
        report = await call.assert_ended(EndReason.API_ENDED)
        assert report.media.played_ms == report.media.received_ms


async def test_agent_that_is_not_there_yet_says_nothing(world: World) -> None:
    async with carrying(world, replace(SPEC, start_policy=StartPolicy.ON_JOIN)) as call:
        refused = await asked(call, Say("Hello."))
        assert isinstance(refused, Refused)
        assert refused.reason == "agent_not_ready"


async def test_what_somebody_writes_is_told_to_the_model_and_answered(world: World) -> None:
    async with going_on(world) as call:
        call.bot.emit(ChatReceived(SPEC.caller_identity, "My number is 42."))
        await settle()
        assert Added(ContextItem(ItemRole.USER, "My number is 42.")) in call.session.sent
        assert requests_of(call) == [Responded("chat", None, None)]
        assert ChatWritten(SPEC.caller_identity, "My number is 42.") in call.kinds
