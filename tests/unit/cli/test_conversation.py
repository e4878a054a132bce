"""Is the end of an answer told from a pause in it?"""

import asyncio

import pytest

from bridge.cli.conversation import Conversation
from bridge.cli.microphone import Microphone
from bridge.cli.placing import converse
from bridge.v1.call_pb2 import (
    AGENT_STATE_LISTENING,
    AGENT_STATE_SPEAKING,
    AGENT_STATE_THINKING,
)
from tests.unit.cli import messages

SPEAKS = messages.agent(AGENT_STATE_SPEAKING)
LISTENS = messages.agent(AGENT_STATE_LISTENING)
THINKS = messages.agent(AGENT_STATE_THINKING)
CALLER_BEGINS = messages.speech(speaking=True)
CALLER_STOPS = messages.speech(speaking=False)


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


def test_an_answer_that_was_heard_out_is_an_answer(conversation: Conversation) -> None:
    for event in (CALLER_BEGINS, CALLER_STOPS, THINKS, SPEAKS):
        conversation.take(event)
        assert not conversation.is_answered
    conversation.take(LISTENS)
    assert conversation.is_answered


def test_an_interrupted_answer_is_none(conversation: Conversation) -> None:
    for event in (CALLER_BEGINS, CALLER_STOPS, SPEAKS, CALLER_BEGINS, LISTENS):
        conversation.take(event)
    assert not conversation.is_answered
    for event in (CALLER_STOPS, THINKS, SPEAKS, LISTENS):
        conversation.take(event)
    assert conversation.is_answered


def test_a_second_answer_is_waited_for(conversation: Conversation) -> None:
    for event in (CALLER_STOPS, SPEAKS, LISTENS, SPEAKS):
        conversation.take(event)
    assert not conversation.is_answered


async def test_waiting_ends_with_the_call(conversation: Conversation) -> None:
    waiting = asyncio.ensure_future(conversation.until(lambda: False, 60))
    conversation.take(messages.ended())
    assert await waiting is False
    assert conversation.report is not None


async def test_waiting_sees_what_happens(conversation: Conversation) -> None:
    waiting = asyncio.ensure_future(conversation.until(lambda: conversation.agent_speaks, 60))
    conversation.take(SPEAKS)
    assert await waiting is True


async def test_waiting_gives_up_in_time(conversation: Conversation) -> None:
    assert await conversation.until(lambda: False, 0.0) is False


async def test_work_is_broken_off_when_the_call_ends(conversation: Conversation) -> None:
    broken_off = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    doing = asyncio.ensure_future(conversation.while_it_lasts(work()))
    conversation.take(messages.ended())
    await doing
    assert broken_off.is_set()


async def test_work_that_fails_fails_here(conversation: Conversation) -> None:
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await conversation.while_it_lasts(work())


class Tape:
    """A speaker that is as fast as the loop, and tells what it played."""

    def __init__(self) -> None:
        self.played: list[bytes] = []
        self.is_silent_again = asyncio.Event()

    async def play(self, pcm: bytes | memoryview) -> None:
        if self.played and any(self.played[-1]) and not any(bytes(pcm)):
            self.is_silent_again.set()
        self.played.append(bytes(pcm))
        await asyncio.sleep(0)


async def test_the_microphone_is_never_switched_off() -> None:
    tape = Tape()
    microphone = Microphone(tape)
    running = asyncio.ensure_future(microphone.run())
    await microphone.say(b"\x01\x02" * 10)
    await tape.is_silent_again.wait()
    running.cancel()
    assert [pcm for pcm in tape.played if any(pcm)] == [b"\x01\x02" * 10]


async def test_a_caller_who_is_greeted_speaks_after_the_greeting(
    conversation: Conversation,
) -> None:
    tape = Tape()
    microphone = Microphone(tape)
    running = asyncio.ensure_future(microphone.run())
    conversation.take(SPEAKS)
    talking = asyncio.ensure_future(converse(conversation, microphone, b"\x01\x01"))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not any(any(pcm) for pcm in tape.played)
    conversation.take(messages.ended())  # ends every wait
    await talking
    running.cancel()
