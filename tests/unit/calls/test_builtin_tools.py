"""What the tools do that the call itself executes."""

from dataclasses import replace

import orjson
import pytest

from bridge.agents.builtin_tools import specification
from bridge.ports.call import EndReason
from bridge.ports.control import CommandId, UpdateAgent
from bridge.ports.event import DtmfSent, LanguageSwitched, ToolFinished
from bridge.ports.model_config import ConfigChange
from bridge.ports.tool import BuiltinTool, ToolStatus
from tests.fakes.agents import SILENT, SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Answered, Responded, Updated
from tests.unit.calls.rig import Carried, World, carrying

LANGUAGES = {"en": "Speak English.", "de": "Speak German."}
AGENT = replace(
    SILENT,
    prompts=LANGUAGES,
    model=replace(
        SILENT.model, tools=tuple(specification(tool, LANGUAGES) for tool in BuiltinTool)
    ),
)
CALL = replace(SPEC, agent=AGENT)


def use(call: Carried) -> tuple[ToolStatus, str]:
    [finished] = [kind.use for kind in call.kinds if isinstance(kind, ToolFinished)]
    return finished.status, finished.code


def outputs(call: Carried) -> list[object]:
    return [orjson.loads(sent.output) for sent in call.session.sent if isinstance(sent, Answered)]


async def test_agent_that_says_goodbye_and_hangs_up_is_heard_to_the_end(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        begun = call.session.begin_answer(audio_ms=2000, text="Goodbye.")
        call.session.call_within(begun, "end_call")
        call.session.end_answer(begun, "Goodbye.")
        await call.pass_time(1.9)
        assert not call.call.is_over
        await call.pass_time(0.5)
        report = await call.assert_ended(EndReason.AGENT_ENDED)
    assert [sent for sent in call.session.sent if isinstance(sent, Responded)] == []
    [turn] = report.turns
    assert turn.agent_heard_ms == pytest.approx(2000)
    assert not turn.interrupted


async def test_agent_that_hangs_up_in_silence_is_asked_for_its_last_words(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.session.call("end_call")
        await settle()
        assert call.session.sent[-1] == Responded("tool", None, None)
        call.session.answer("tool", audio_ms=500, text="Goodbye.")
        await call.pass_time(1)
        report = await call.assert_ended(EndReason.AGENT_ENDED)
    assert report.turns[-1].agent_heard_ms == pytest.approx(500)


async def test_model_that_finds_no_last_words_does_not_keep_the_call(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.session.call("end_call")
        await call.pass_time(19)
        assert not call.call.is_over
        await call.pass_time(2)
        await call.assert_ended(EndReason.AGENT_ENDED)


async def test_talk_goes_on_in_another_language(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.session.call("notify_language_switch", arguments='{"language":"de"}')
        await settle()
        assert call.session.sent[0] == Updated(ConfigChange("Speak German.", "de"))
        assert call.session.sent[-1] == Responded("tool", None, None)
        assert outputs(call) == [{"language": "de"}]
        assert LanguageSwitched("de", "en") in call.kinds
        assert call.call.view().spec.agent.language == "de"
    assert call.call.report().view.spec.agent.language == "de"


async def test_instructions_of_the_gateway_stand_when_the_language_changes(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        await call.call.control(CommandId("c1"), UpdateAgent("Speak of parcels."))
        call.session.call("notify_language_switch", arguments='{"language":"de"}')
        await settle()
        assert call.session.config.instructions == "Speak of parcels."
        assert call.session.config.language == "de"
        assert LanguageSwitched("de", "en") in call.kinds


async def test_language_that_is_spoken_already_is_no_switch(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.session.call("notify_language_switch", arguments='{"language":"en"}')
        await settle()
        assert outputs(call) == [{"language": "en"}]
        assert not [kind for kind in call.kinds if isinstance(kind, LanguageSwitched)]


async def test_language_that_the_agent_does_not_speak_is_refused(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.session.call("notify_language_switch", arguments='{"language":"fr"}')
        await settle()
        assert use(call) == (ToolStatus.FAILED, "invalid_arguments")
        assert call.session.config == AGENT.model


async def test_keys_are_pressed_in_the_room_and_nothing_is_said_of_it(world: World) -> None:
    async with carrying(world, CALL) as call:
        human = await call.join()
        call.session.call("send_dtmf", arguments='{"digits":"12*#A"}')
        await settle()
        assert human.keys == "12*#A"
        assert DtmfSent("12*#A") in call.kinds
        assert outputs(call) == [{"pressed": "12*#A"}]
        assert not [sent for sent in call.session.sent if isinstance(sent, Responded)]


@pytest.mark.parametrize("digits", ["", "12 3", "E", "a", "1" * 33, "+49"])
async def test_what_are_no_keys_is_not_pressed(world: World, digits: str) -> None:
    async with carrying(world, CALL) as call:
        human = await call.join()
        arguments = orjson.dumps({"digits": digits}).decode()
        call.session.call("send_dtmf", arguments=arguments)
        await settle()
        assert human.keys == ""
        assert use(call) == (ToolStatus.FAILED, "invalid_arguments")


async def test_keys_that_livekit_does_not_take_are_not_told_to_be_pressed(world: World) -> None:
    async with carrying(world, CALL) as call:
        await call.join()
        call.bot.keys_are_stuck = True
        call.session.call("send_dtmf", arguments='{"digits":"1"}')
        await settle()
        assert use(call) == (ToolStatus.FAILED, "room_unreachable")
        assert DtmfSent("1") not in call.kinds
