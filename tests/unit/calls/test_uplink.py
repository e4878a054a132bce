"""What the callers say on its way to the model, by its sound."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bridge.calls.speech.ears import Deaf
from bridge.calls.uplink import Uplink
from bridge.ids import Identity
from bridge.media.cleaning import Cleaner
from bridge.media.resample import to_model
from bridge.pcm import MODEL_RATE_HZ, ROOM_FRAME_BYTES
from tests.fakes.agents import SILENT
from tests.fakes.clock import FakeClock, settle
from tests.fakes.model import Answers, FakeSession
from tests.fakes.sound import FakeSpeaker
from tests.tones import amplitude_at, loudest_hz, samples_of, tone


class Line:
    """An uplink into one session, and the speakers on it."""

    def __init__(
        self, group: asyncio.TaskGroup, make_cleaner: Callable[[], Cleaner | None]
    ) -> None:
        self._group = group
        self.clock = FakeClock()
        self.uplink = Uplink(to_model(), make_cleaner, self.clock, measures_speech=True)
        self.session = FakeSession(1, SILENT.model, Answers.NONE)
        self.tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def heard(self) -> bytes:
        """Return what the model heard, without the resampler's beginning."""
        return bytes(self.session.audio[4800:])

    async def speaker(self, sid: str) -> FakeSpeaker:
        track = FakeSpeaker(sid, Identity(f"who-{sid}"))
        self.tasks[sid] = self._group.create_task(self.uplink.carry(track))
        await settle()
        return track

    async def hear(self, **sounds: tuple[FakeSpeaker, bytes]) -> None:
        """Let speakers say sounds of equal length at the same time, frame by frame."""
        length = len(next(iter(sounds.values()))[1])
        for start in range(0, length, ROOM_FRAME_BYTES):
            for speaker, pcm in sounds.values():
                speaker.put(memoryview(pcm)[start : start + ROOM_FRAME_BYTES])
            await settle()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with _line() as it:
        yield it


@asynccontextmanager
async def _line(
    make_cleaner: Callable[[], Cleaner | None] = lambda: None,
) -> AsyncIterator[Line]:
    async with asyncio.TaskGroup() as group:
        it = Line(group, make_cleaner)
        it.uplink.connect(it.session)
        yield it
        for task in it.tasks.values():
            task.cancel()


async def test_model_hears_silence_and_no_gap_while_the_gate_is_closed(line: Line) -> None:
    speaker = await line.speaker("a")
    line.uplink.gate.close(Deaf.GREETING)
    await line.hear(a=(speaker, tone(1000, 400)))
    assert len(line.session.audio) == pytest.approx(400 * 48, abs=500)
    assert np.abs(samples_of(bytes(line.session.audio))).max() <= 1, (
        "less than a resampler's dither"
    )
    assert line.uplink.meter.level.sum_of_squares > 0, "the caller's level is still known"
    line.uplink.gate.open(Deaf.GREETING)
    await line.hear(a=(speaker, tone(1000, 400)))
    assert amplitude_at(bytes(line.session.audio[-9600:]), 1000, MODEL_RATE_HZ) > 6000


async def test_it_is_known_for_how_long_somebody_has_spoken(line: Line) -> None:
    speaker = await line.speaker("a")
    await line.hear(a=(speaker, tone(1000, 400) + bytes(400 * 96)))
    await line.hear(a=(speaker, tone(300, 240, amplitude=2000) + bytes(60 * 96)))
    since_s = line.clock.monotonic_s()
    await line.clock.advance(0.3)
    assert line.uplink.spoken_s(since_s) == pytest.approx(0.24)


async def test_caller_s_tone_arrives_at_the_model_at_its_rate(line: Line) -> None:
    speaker = await line.speaker("a")
    await line.hear(a=(speaker, tone(1000, 400)))
    assert loudest_hz(line.heard, MODEL_RATE_HZ) == pytest.approx(1000, abs=5)
    assert amplitude_at(line.heard, 1000, MODEL_RATE_HZ) == pytest.approx(8000, rel=0.02)
    assert line.uplink.audio_ms == 400
    sent_ms = line.session.counters().audio_sent_ms
    assert 390 <= sent_ms <= 400, "all but what the resampler holds"


async def test_two_callers_are_heard_as_one_mix(line: Line) -> None:
    first, second = await line.speaker("a"), await line.speaker("b")
    await line.hear(a=(first, tone(600, 400)), b=(second, tone(1500, 400)))
    heard = line.heard
    assert amplitude_at(heard, 600, MODEL_RATE_HZ) > 7000
    assert amplitude_at(heard, 1500, MODEL_RATE_HZ) > 7000
    assert line.uplink.audio_ms <= 420, "a mix, not one after the other"
    assert line.uplink.speakers == 2


async def test_loudest_speaker_is_named(line: Line) -> None:
    first, second = await line.speaker("a"), await line.speaker("b")
    await line.hear(
        a=(first, tone(600, 100, amplitude=500)), b=(second, tone(1500, 100, amplitude=9000))
    )
    assert line.uplink.loudest() == "who-b"
    assert line.uplink.loudest() is None, "nobody was heard since"


async def test_speaker_that_goes_leaves_the_others_heard(line: Line) -> None:
    first, second = await line.speaker("a"), await line.speaker("b")
    await line.hear(a=(first, tone(600, 100)), b=(second, tone(1500, 100)))
    first.put(None)
    await settle()
    assert line.tasks["a"].done()
    assert line.uplink.speakers == 1
    line.session.audio.clear()
    await line.hear(b=(second, tone(1500, 400)))
    assert loudest_hz(line.heard, MODEL_RATE_HZ) == pytest.approx(1500, abs=5)


async def test_what_was_said_before_a_session_is_not_sent_late(line: Line) -> None:
    line.uplink.connect(None)
    speaker = await line.speaker("a")
    await line.hear(a=(speaker, tone(600, 200)))
    line.uplink.connect(line.session)
    await line.hear(a=(speaker, tone(1500, 400)))
    assert amplitude_at(line.heard, 600, MODEL_RATE_HZ) < 200
    assert amplitude_at(line.heard, 1500, MODEL_RATE_HZ) > 7000


async def test_frames_lost_by_slow_reading_are_counted_even_when_their_track_is_gone(
    line: Line,
) -> None:
    speaker = await line.speaker("a")
    for start in range(0, 15 * ROOM_FRAME_BYTES, ROOM_FRAME_BYTES):
        speaker.put(memoryview(tone(600, 300))[start : start + ROOM_FRAME_BYTES])
    lost_ms = speaker.dropped_ms
    assert lost_ms > 0
    assert line.uplink.dropped_ms == lost_ms
    await settle()
    speaker.put(None)
    await settle()
    assert line.uplink.dropped_ms == lost_ms


async def test_microphone_that_is_cut_off_is_forgotten(line: Line) -> None:
    await line.speaker("a")
    line.tasks["a"].cancel()
    await settle()
    assert line.uplink.speakers == 0


async def test_chain_can_print_itself(line: Line) -> None:
    chain = str(line.uplink)
    for stage in ("Mixer", "LevelMeter", "SoxrResampler", "model"):
        assert stage in chain


class Halving:
    """A cleaner whose work can be heard, and counted."""

    def __init__(self) -> None:
        self.frames = 0

    def clean(self, frame: memoryview) -> memoryview:
        self.frames += 1
        return memoryview((samples_of(frame) // 2).tobytes())


async def test_each_microphone_is_cleaned_by_a_cleaner_of_its_own_before_the_mix() -> None:
    made: list[Halving] = []

    def make() -> Halving:
        made.append(Halving())
        return made[-1]

    async with _line(make) as line:
        first, second = await line.speaker("a"), await line.speaker("b")
        await line.hear(a=(first, tone(600, 400)), b=(second, tone(1500, 400)))
        assert amplitude_at(line.heard, 600, MODEL_RATE_HZ) == pytest.approx(4000, rel=0.05)
        assert amplitude_at(line.heard, 1500, MODEL_RATE_HZ) == pytest.approx(4000, rel=0.05)
        assert [cleaner.frames for cleaner in made] == [20, 20]
