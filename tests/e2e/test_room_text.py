"""What a caller's page reads in the room, with nothing but LiveKit's SDK: words and states."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bridge.client import BridgeClient
from bridge.ids import BOT_PREFIX
from bridge.ports.room import Segment
from bridge.room.caller import Caller
from tests.e2e.rig import SOON_S, called, ended, hears, ready, silence, until
from tests.livekit_reader import LiveKitReader
from tests.tones import tone

pytestmark = pytest.mark.e2e

WRITTEN_HZ = 1000.0
"""What the simulator says where it has heard no tone."""


@asynccontextmanager
async def reading(caller: Caller) -> AsyncIterator[LiveKitReader]:
    reader = LiveKitReader(caller.room)
    try:
        yield reader
    finally:
        await reader.aclose()


async def reads(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():
            await asyncio.sleep(0.02)  # what people read offers nothing to wait on


def last_of_agent(reader: LiveKitReader) -> Segment | None:
    said = [s for s in reader.segments() if s.speaker and s.speaker.startswith(BOT_PREFIX)]
    return said[-1] if said else None


def follows(states: list[str], wanted: list[str]) -> bool:
    """Return whether all that is wanted comes in that order, whatever else is between."""
    left = iter(states)
    return all(state in left for state in wanted)


async def test_the_caller_reads_the_agents_words_and_sees_what_it_does(
    client: BridgeClient,
) -> None:
    async with called(client) as (created, caller), reading(caller) as reader:
        await ready(client, created.connection_id)
        await reads(lambda: reader.agent_states()[-1:] == ["listening"])
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880)
        wanted = ["listening", "thinking", "speaking", "listening"]
        await reads(lambda: follows(reader.agent_states(), wanted))
        await reads(lambda: (last := last_of_agent(reader)) is not None and last.final)
        said = last_of_agent(reader)
        assert said is not None
        assert said.text == "tone 880 Hz"
        (bot,) = caller.room.remote_participants.values()
        assert reader.tracks()[said.segment_id] in bot.track_publications
        (own,) = {s.speaker for s in reader.segments()} - {said.speaker}
        assert own == caller.identity, "what the caller said is shown in the caller's name"


async def test_a_caller_who_interrupts_reads_only_what_was_heard(client: BridgeClient) -> None:
    async with called(client) as (created, caller), reading(caller) as reader:
        await ready(client, created.connection_id)
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880, 200)
        await caller.play(tone(600, 700) + silence(500))
        await until(client, created.connection_id, "interruption")
        await reads(lambda: "tone 1200 Hz" in [s.text for s in reader.segments() if s.final])
        told = [s.text for s in reader.segments() if s.speaker != caller.identity]
        assert "tone 880 Hz" not in told
        await client.end_call(created.connection_id)
    report = await ended(client, created.connection_id)
    interrupted, whole = report.turns
    assert interrupted.agent_text in ("", "tone", "tone 880")
    assert whole.agent_text == "tone 1200 Hz"


async def test_what_a_caller_writes_is_answered_aloud(client: BridgeClient) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await caller.room.local_participant.send_text("Are you there?", topic="lk.chat")
        event = await until(client, created.connection_id, "chat_received")
        assert event.chat_received.text == "Are you there?"
        assert event.chat_received.participant_identity == caller.identity
        await hears(caller, WRITTEN_HZ, 300)
