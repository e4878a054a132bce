"""Mixing: everybody is heard, nobody waits for anybody."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.media.mixer import Mixer
from bridge.pcm import ROOM_FRAME_BYTES
from tests.tones import amplitude_at, samples_of, tone


def frames_of(pcm: bytes) -> list[memoryview]:
    view = memoryview(pcm)
    starts = range(0, len(pcm), ROOM_FRAME_BYTES)
    return [view[start : start + ROOM_FRAME_BYTES] for start in starts]


def constant(value: int) -> memoryview:
    return memoryview(np.full(ROOM_FRAME_BYTES // 2, value, np.int16).tobytes())


def test_one_speaker_passes_through_untouched() -> None:
    mixer = Mixer()
    for frame in frames_of(tone(440, 200)):
        assert mixer.push("a", frame) is frame


def test_everybody_is_heard_in_one_stream() -> None:
    mixer = Mixer()
    mixed = []
    voices = [frames_of(tone(hz, 1000)) for hz in (400, 700, 1100)]
    for spoken in zip(*voices, strict=True):
        for sid, frame in enumerate(spoken):
            out = mixer.push(str(sid), frame)
            mixed += [] if out is None else [bytes(out)]
    assert len(mixed) == 50
    middle = b"".join(mixed[5:-5])
    for hz in (400, 700, 1100):
        assert amplitude_at(middle, hz) == pytest.approx(8000, rel=0.02)


@given(st.lists(st.permutations("abc"), min_size=30, max_size=30))
def test_people_who_begin_at_once_are_heard_to_begin_within_one_frame(
    orders: list[list[str]],
) -> None:
    """In each 20 ms a frame of everybody comes, in any order; all speak from the tenth on."""
    mixer = Mixer()
    digit = {"a": 1, "b": 20, "c": 400}
    mixed: list[int] = []
    for tick, order in enumerate(orders):
        for sid in order:
            out = mixer.push(sid, constant(digit[sid] if tick >= 10 else 0))
            mixed += [] if out is None else samples_of(out)[::960].tolist()
    begins = [
        next(at for at, sample in enumerate(mixed) if sample // digit[sid] % 20) for sid in "abc"
    ]
    assert max(begins) - min(begins) <= 1


def test_loud_voices_saturate_and_do_not_wrap() -> None:
    mixer = Mixer()
    mixer.push("a", constant(0))
    mixer.push("b", constant(30_000))
    mixed = mixer.push("a", constant(30_000))
    assert mixed is not None
    assert set(samples_of(mixed)) == {32_767}


def test_a_silent_speaker_delays_nobody() -> None:
    mixer = Mixer()
    mixer.push("a", constant(1))
    mixer.push("b", constant(2))
    for _ in range(20):
        assert mixer.push("a", constant(1)) is not None


def test_a_stalled_reference_is_replaced_and_nothing_is_lost() -> None:
    mixer = Mixer()
    mixer.push("a", constant(1))
    heard = [mixer.push("b", constant(value)) for value in (10, 20, 30, 40)]
    assert heard[:2] == [None, None]
    assert heard[2] is not None
    assert list(samples_of(heard[2])[::960]) == [10, 20, 30]
    assert heard[3] is not None
    assert len(heard[3]) == ROOM_FRAME_BYTES


def test_when_the_reference_leaves_the_others_go_on() -> None:
    mixer = Mixer()
    mixer.push("a", constant(1))
    assert mixer.push("b", constant(10)) is None
    mixer.remove("a")
    mixer.remove("nobody")
    out = mixer.push("b", constant(20))
    assert out is not None
    assert list(samples_of(out)[::960]) == [10, 20]
    assert mixer.speakers == 1


def test_a_delay_that_stands_is_worked_off_and_counted() -> None:
    mixer = Mixer()
    mixer.push("a", constant(0))
    mixer.push("b", constant(0))
    mixer.push("b", constant(0))
    for _ in range(40):
        mixer.push("a", constant(0))
        mixer.push("b", constant(0))
    assert mixer.dropped_ms == 20


def test_who_spoke_is_known() -> None:
    mixer = Mixer()
    for quiet, loud in zip(
        frames_of(tone(400, 100, amplitude=100)), frames_of(tone(700, 100)), strict=True
    ):
        mixer.push("a", quiet)
        mixer.push("b", loud)
    assert mixer.loudest() == "b"
    assert mixer.loudest() is None
    assert str(mixer) == "Mixer(2 speakers, 4 frames mixed, 0 ms dropped)"
    mixer.push("a", constant(100))
    mixer.push("b", constant(10))
    assert mixer.loudest() == "a"


def test_one_speaker_alone_is_the_loudest() -> None:
    mixer = Mixer()
    assert mixer.loudest() is None
    mixer.push("a", constant(0))
    assert mixer.loudest() == "a"
    assert mixer.loudest() is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=200))
def test_every_frame_is_heard_once_and_in_order_or_counted(
    steps: list[tuple[str, bool]],
) -> None:
    """Speakers use different digits of a sample, so that a sum shows who is in it."""
    mixer = Mixer()
    digit = {"a": 1, "b": 20, "c": 400}
    pushed: dict[str, int] = defaultdict(int)
    heard: dict[str, list[int]] = defaultdict(list)
    for sid, leaves in steps:
        if leaves:
            mixer.remove(sid)
            continue
        pushed[sid] += 1
        value = pushed[sid] % 19 + 1
        out = mixer.push(sid, constant(value * digit[sid]))
        for sample in [] if out is None else samples_of(out)[::960]:
            parts = {"a": sample % 20, "b": sample // 20 % 20, "c": sample // 400}
            for who, part in parts.items():
                heard[who] += [int(part)] if part else []
    for sid in "abc":
        expected = iter([n % 19 + 1 for n in range(1, pushed[sid] + 1)])
        assert all(value in expected for value in heard[sid])  # in order: a subsequence
    waiting = sum(len(speaker.ring) for speaker in mixer._speakers.values())
    frames_heard = sum(len(values) for values in heard.values())
    assert frames_heard + waiting + mixer.dropped_ms / 20 == sum(pushed.values())
