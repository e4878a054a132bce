"""A call outlives its connections to the model: the talk goes on, and nothing said is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Faults, Simulator, SimulatorSettings
from bridge.v1 import call_pb2, event_pb2
from bridge.v1.event_pb2 import CallEvent
from tests.e2e.rig import (
    SOON_S,
    bridge_process,
    called,
    ended,
    heard_ms,
    hears,
    ready,
    silence,
    watched,
)
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DROPS = 20
GREETING_HZ = 1000.0
"""What the simulator says where it heard no tone itself: also after a replay."""


@asynccontextmanager
async def calls_to(
    livekit: LiveKitServer, simulator: Simulator, log: Path, **environment: str
) -> AsyncIterator[BridgeClient]:
    async with (
        bridge_process(livekit, simulator.url, log, **environment) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        yield client


async def say(caller: Caller, hz: float) -> None:
    await caller.play(tone(hz, 400) + silence(400))


async def opened(simulator: Simulator, sessions: int) -> None:
    async with asyncio.timeout(SOON_S):
        while simulator.totals.sessions_opened < sessions or not simulator.sessions:
            await asyncio.sleep(0.02)


async def replayed(simulator: Simulator, items: int) -> list[str]:
    """Return the words of the newest session's conversation, once there are so many."""
    async with asyncio.timeout(SOON_S):
        while True:
            texts = [
                one.text for session in simulator.sessions for one in session.conversation.items
            ]
            if len(texts) >= items:
                return texts
            await asyncio.sleep(0.02)


def in_hz(texts: list[str]) -> list[int]:
    """Return the tones that texts name, to the 20 Hz in which these tests count."""
    return [
        20 * round(float(text.removeprefix("tone ").removesuffix(" Hz")) / 20) for text in texts
    ]


async def events_of(client: BridgeClient, connection_id: str) -> list[CallEvent]:
    return [event async for event in watched(client, connection_id)]


def resumptions(events: list[CallEvent]) -> list[event_pb2.ModelStateChanged]:
    changes = [one.model_state_changed for one in events if one.HasField("model_state_changed")]
    return [change for change in changes if change.state == event_pb2.LINK_STATE_RESUMED]


def finals(events: list[CallEvent], role: int) -> list[str]:
    told = [event.transcript for event in events if event.WhichOneof("kind") == "transcript"]
    return [one.text for one in told if one.final and one.role == role]


async def test_a_call_whose_model_is_lost_twenty_times_remembers_every_word(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    settings = SimulatorSettings(behaviour="tones", tone_ms=400, first_delta_ms=0, speed=8)
    tones = [300.0 + 20 * n for n in range(DROPS)]
    said: list[int] = []
    async with (
        Simulator(settings) as simulator,
        calls_to(livekit_server, simulator, tmp_path / "bridge.log") as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        for number, hz in enumerate(tones):
            before_ms = heard_ms(caller, 2 * hz)
            await say(caller, hz)
            await hears(caller, 2 * hz, before_ms + 300)
            await asyncio.sleep(0.3)  # until the last of it is played: the next is no barge-in
            said += [round(hz), round(2 * hz)]
            simulator.faults = Faults(drop_after_s=0, times=1)
            await opened(simulator, number + 2)
            assert in_hz(await replayed(simulator, len(said))) == said
        await client.end_call(created.connection_id)
        events = await events_of(client, created.connection_id)
    assert in_hz(finals(events, event_pb2.TRANSCRIPT_ROLE_USER)) == said[::2]
    assert in_hz(finals(events, event_pb2.TRANSCRIPT_ROLE_AGENT)) == said[1::2]
    report = events[-1].ended.report
    assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
    assert len(report.turns) == DROPS
    assert [one.code for one in report.incidents] == ["model_interrupted"] * DROPS
    resumed = resumptions(events)
    assert [one.replayed_items for one in resumed] == list(range(2, 2 * DROPS + 1, 2))
    assert all(0 < one.gap.ToMilliseconds() < 3000 for one in resumed)
    lost_ms = sum(one.lost_audio.ToMilliseconds() for one in resumed)
    assert lost_ms == pytest.approx(report.media.dropped_in.ToMilliseconds(), abs=2 * DROPS)


async def test_an_answer_that_breaks_off_is_gone_on_with(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    settings = SimulatorSettings(behaviour="tones", tone_ms=2000, first_delta_ms=0, speed=1)
    async with (
        Simulator(settings) as simulator,
        calls_to(livekit_server, simulator, tmp_path / "bridge.log") as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        await say(caller, 440)
        await hears(caller, 880, 300)
        simulator.faults = Faults(drop_after_s=0, times=1)
        await hears(caller, GREETING_HZ, 500)
        await client.end_call(created.connection_id)


async def test_a_turn_whose_answer_never_began_is_answered_after_all(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    settings = SimulatorSettings(behaviour="tones", tone_ms=500, first_delta_ms=1000, speed=8)
    async with (
        Simulator(settings) as simulator,
        calls_to(livekit_server, simulator, tmp_path / "bridge.log") as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        await caller.play(tone(440, 400) + silence(300))
        async for event in watched(client, created.connection_id):
            if event.WhichOneof("kind") == "response_started":
                break
        simulator.faults = Faults(close_after_s=0, close_code=1011, times=1)
        await hears(caller, GREETING_HZ, 200)
        assert in_hz(await replayed(simulator, 1))[0] == 440
        await client.end_call(created.connection_id)


@pytest.mark.parametrize(
    "fault",
    [
        Faults(stall_after_s=0, times=1),
        Faults(close_after_s=0, close_code=1001, times=1),
        Faults(drop_after_s=0, times=1, refuse_status=None),
    ],
    ids=["stalled", "going away", "dropped"],
)
async def test_a_caller_can_go_on_after_any_loss(
    simulator: Simulator, client: BridgeClient, fault: Faults
) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        await hears(caller, 880)
        simulator.faults = fault
        await opened(simulator, 2)
        await say(caller, 500)
        await hears(caller, 1000)
        await client.end_call(created.connection_id)
    report = await ended(client, created.connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
    assert len(report.call.model_session_ids) == 2


async def test_a_model_that_is_away_for_seconds_costs_a_pause_whose_loss_is_counted(
    simulator: Simulator, client: BridgeClient
) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        simulator.faults = Faults(drop_after_s=0, refuse_status=503)
        speaking = asyncio.create_task(caller.play(tone(440, 1000)))
        await asyncio.sleep(2.5)  # the model is away for so long
        simulator.faults = Faults()
        await opened(simulator, 2)
        await speaking
        await say(caller, 440)
        await hears(caller, 880)
        await client.end_call(created.connection_id)
    events = await events_of(client, created.connection_id)
    [resumed] = resumptions(events)
    assert 2000 < resumed.gap.ToMilliseconds() < 5000
    lost_ms = resumed.lost_audio.ToMilliseconds()
    dropped_ms = events[-1].ended.report.media.dropped_in.ToMilliseconds()
    assert 500 < lost_ms <= dropped_ms


async def test_a_key_that_is_refused_while_reconnecting_ends_the_call_at_once(
    simulator: Simulator, client: BridgeClient
) -> None:
    async with called(client) as (created, _):
        await ready(client, created.connection_id)
        simulator.faults = Faults(drop_after_s=0, refuse_status=401)
        report = await ended(client, created.connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_MODEL_AUTH


async def test_a_session_is_replaced_before_its_limit_without_a_gap(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    settings = SimulatorSettings(
        behaviour="tones", tone_ms=400, first_delta_ms=0, speed=8, max_session_s=8
    )
    said: list[int] = []
    async with (
        Simulator(settings) as simulator,
        calls_to(livekit_server, simulator, tmp_path / "bridge.log") as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        for number in range(10):
            hz = 300.0 + 20 * number
            before_ms = heard_ms(caller, 2 * hz)
            await say(caller, hz)
            await hears(caller, 2 * hz, before_ms + 300)
            await asyncio.sleep(0.3)
            said += [round(hz), round(2 * hz)]
        assert said[-1] in in_hz(await replayed(simulator, 1))
        await client.end_call(created.connection_id)
        events = await events_of(client, created.connection_id)
    assert in_hz(finals(events, event_pb2.TRANSCRIPT_ROLE_USER)) == said[::2]
    assert in_hz(finals(events, event_pb2.TRANSCRIPT_ROLE_AGENT)) == said[1::2]
    report = events[-1].ended.report
    assert not report.incidents
    assert len(report.call.model_session_ids) >= 3
    resumed = resumptions(events)
    links = [one.model_state_changed for one in events if one.HasField("model_state_changed")]
    assert event_pb2.LINK_STATE_INTERRUPTED not in {link.state for link in links}
    assert [one.gap.ToMilliseconds() + one.lost_audio.ToMilliseconds() for one in resumed] == [
        0 for _ in report.call.model_session_ids[1:]
    ]
    assert [one.replayed_items for one in resumed] == sorted(one.replayed_items for one in resumed)


async def test_a_call_begins_on_a_warm_session(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    warm = {"MEDIABRIDGE_WARM_SESSIONS": "2", "OPENAI_REALTIME_MODEL": "simulated-model"}
    async with calls_to(livekit_server, simulator, tmp_path / "bridge.log", **warm) as client:
        await opened(simulator, 2)
        kept = {session.config.session_id for session in simulator.sessions}
        async with called(client) as (created, caller):
            await ready(client, created.connection_id)
            await say(caller, 440)
            await hears(caller, 880)
            await client.end_call(created.connection_id)
        report = await ended(client, created.connection_id)
        assert set(report.call.model_session_ids) < kept
        await opened(simulator, 3)
