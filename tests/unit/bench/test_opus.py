"""What a caller hears is what was encoded for it; where packets are missing there is silence."""

from pathlib import Path
from struct import Struct
from typing import Final

import numpy as np

from bench import opus, sound
from bench.sound import MOST_CALLERS, BurstFinder
from bridge.pcm import ROOM_RATE_HZ

_HEARD: Final = Struct("<dIH")
_AT_S: Final = 100.0


def packets(said: Path) -> list[bytes]:
    content, found = said.read_bytes(), []
    while content:
        end = 2 + int.from_bytes(content[:2], "little")
        found.append(content[2:end])
        content = content[end:]
    return found


def write_heard(path: Path, payloads: list[bytes], missing: range = range(0)) -> None:
    """Write what an ear keeps of a stream, with the packets of a range lost on the way."""
    with path.open("wb") as file:
        for index, payload in enumerate(payloads):
            if index not in missing:
                file.write(_HEARD.pack(_AT_S + index * 0.02, index * opus.FRAME, len(payload)))
                file.write(payload)


def test_every_callers_bursts_are_known_again_behind_opus(tmp_path: Path) -> None:
    for caller in range(MOST_CALLERS):
        speech, starts = sound.speech(caller, 3.0, seed=caller)
        opus.write_spoken(speech, tmp_path / "said")
        write_heard(tmp_path / "heard", packets(tmp_path / "said"))
        finder = BurstFinder(ROOM_RATE_HZ)
        bursts = [
            burst
            for at_s, samples in opus.read_heard(tmp_path / "heard")
            for burst in finder.push(at_s, samples)
        ]
        assert [(burst.caller, burst.word) for burst in bursts] == [
            (caller, index % 4) for index in range(len(starts))
        ]
        late_s = [
            burst.at_s - _AT_S - start / ROOM_RATE_HZ
            for burst, start in zip(bursts, starts, strict=True)
        ]
        assert max(late_s) - min(late_s) < 0.002, "every burst is as late as the others"


def test_silence_is_not_torn() -> None:
    assert sound.torn_ms([]) == 0


def test_sound_of_packets_that_are_missing_counts_as_torn(tmp_path: Path) -> None:
    speech, _ = sound.speech(0, 2.0, seed=0)
    opus.write_spoken(speech, tmp_path / "said")
    payloads = packets(tmp_path / "said")
    write_heard(tmp_path / "heard", payloads)
    whole = opus.read_heard(tmp_path / "heard")
    write_heard(tmp_path / "heard", payloads, missing=range(40, 45))
    torn = opus.read_heard(tmp_path / "heard")
    assert sound.torn_ms([samples for _, samples in whole]) == 0
    assert 80 <= sound.torn_ms([samples for _, samples in torn]) <= 110
    assert sum(samples.size for _, samples in torn) == sum(samples.size for _, samples in whole)
    (hole_at_s,) = [at_s for at_s, samples in torn if not np.any(samples) and at_s > _AT_S + 0.5]
    assert round(hole_at_s - _AT_S, 3) == 0.8
