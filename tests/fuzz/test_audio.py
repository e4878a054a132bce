"""Sound of any size: from a model that breaks off within a sample, from odd microphones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st

from bridge.calls.uplink import Uplink
from bridge.ids import Identity
from bridge.media.playout import Playout
from bridge.media.resample import to_model, to_room
from bridge.model.tracking import ReceivedAudio
from bridge.pcm import ROOM_FRAME_BYTES
from bridge.ports.agent import NoisePolicy
from bridge.ports.model_event import AudioDelta
from bridge.room.cleaning import WebRtcCleaners
from bridge.room.frame_ring import FrameRing
from tests.effort import examples
from tests.fakes.agents import GREETER
from tests.fakes.clock import FakeClock, settle
from tests.fakes.model import Answers, FakeSession
from tests.fakes.sound import FakeOutput, keep_writing

_SIZES = st.one_of(st.integers(0, 12), st.integers(0, 9000), st.sampled_from([479, 480, 96_001]))
_BYTES = st.binary(min_size=7, max_size=7)
_ITEMS = st.sampled_from(["a", "b"])
_ACTIONS = st.sampled_from(["play", "play", "play", "clear", "finish", "pause", "resume"])
_DELTAS = st.lists(st.tuples(_ACTIONS, _ITEMS, st.integers(0, 1), _SIZES, _BYTES), max_size=30)


@given(_DELTAS)
@examples(60)
async def test_deltas_of_any_size_are_played_or_accounted_for(
    deltas: list[tuple[str, str, int, int, bytes]],
) -> None:
    clock = FakeClock()
    output = FakeOutput(clock)
    playout = Playout(to_room(), output, clock, max_buffered_ms=2000)
    received = ReceivedAudio()
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(keep_writing(playout, output))
        for action, item, part, size, pattern in deltas:
            match action:
                case "play":
                    pcm = (pattern * (size // 7 + 1))[:size]
                    whole = received.add(AudioDelta("r", item, part, pcm))
                    if whole is not None:
                        playout.push(item, part, whole.pcm)
                case "clear":
                    playout.clear()
                case "finish":
                    playout.finish(item, part)
                case "pause":
                    playout.pause()
                case _:
                    playout.resume()
            await clock.advance(0.03)
            told = playout.counters
            accounted = (
                told.played_ms
                + told.queued_ms
                + told.buffered_ms
                + told.cleared_ms
                + told.dropped_ms
                + told.stale_ms
            )
            assert abs(told.received_ms - accounted) < 1
            assert abs(told.received_ms - received.total_ms) < 1
        writer.cancel()


class RingSpeaker:
    """A microphone whose frames come as the SDK's threads put them."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.identity = Identity(f"of {sid}")
        self.ring = FrameRing()

    @property
    def dropped_ms(self) -> float:
        return self.ring.dropped_ms

    @asynccontextmanager
    async def frames(self) -> AsyncIterator[AsyncIterator[memoryview]]:
        yield self.ring


_FRAME_SIZES = st.one_of(
    st.just(ROOM_FRAME_BYTES), st.integers(0, 5000), st.sampled_from([320, 882, 960, 1764, 3840])
)
_FRAMES = st.lists(st.tuples(st.integers(0, 2), _FRAME_SIZES, _BYTES), max_size=30)


@given(_FRAMES, st.booleans())
@examples(60)
async def test_microphones_of_any_frame_size_never_end_a_call(
    frames: list[tuple[int, int, bytes]], cleaned: bool
) -> None:
    clock = FakeClock()
    policy = NoisePolicy(suppression=cleaned)
    uplink = Uplink(
        to_model(), lambda: WebRtcCleaners().cleaner(policy), clock, measures_speech=True
    )
    session = FakeSession(1, GREETER.model, Answers.NONE)
    uplink.connect(session)
    speakers = [RingSpeaker(f"TR_{number}") for number in range(3)]
    async with asyncio.TaskGroup() as group:
        for speaker in speakers:
            group.create_task(uplink.carry(speaker))
        for who, size, pattern in frames:
            speakers[who].ring.put(memoryview((pattern * (size // 7 + 1))[:size]))
            await settle()
        for speaker in speakers:
            speaker.ring.end()
    assert len(session.audio) % 2 == 0
    put_ms = 20.0 * len(frames)
    assert uplink.audio_ms <= put_ms
    assert uplink.audio_ms + uplink.dropped_ms <= put_ms + 20 * len(speakers)
