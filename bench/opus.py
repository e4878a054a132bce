"""What do callers send and get? Opus: encoded before a measurement, decoded after it."""

from collections.abc import Iterable
from pathlib import Path
from struct import Struct
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from bridge.pcm import ROOM_RATE_HZ

Samples = NDArray[np.int16]

FRAME: Final = ROOM_RATE_HZ // 50
# Twice what WebRTC spends on a voice: the tones have to be beyond doubt.
_BITS_PER_S: Final = 64_000
_LENGTH: Final = Struct("<H")
# As bench/callers writes what was heard: when, the RTP timestamp, the payload's length.
_HEARD: Final = Struct("<dIH")
# More than this between two packets is a new beginning, not a hole.
_LONGEST_HOLE: Final = 2 * ROOM_RATE_HZ
_TIMESTAMPS: Final = 1 << 32


def write_spoken(sound: Samples, path: Path) -> None:
    """Encode 48 kHz sound into a file of packets, 20 ms each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = ROOM_RATE_HZ, "mono", "s16"
    encoder.bit_rate = _BITS_PER_S
    # The mode without a part that models speech, and with 2.5 ms of delay.
    encoder.options = {"application": "lowdelay", "frame_duration": "20"}
    whole = np.pad(sound, (0, -sound.size % FRAME))
    with path.open("wb") as file:
        for start in range(0, whole.size, FRAME):
            frame = av.AudioFrame.from_ndarray(
                whole[np.newaxis, start : start + FRAME], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = ROOM_RATE_HZ, start
            for packet in encoder.encode(frame):
                payload = bytes(packet)
                file.write(_LENGTH.pack(len(payload)) + payload)


def read_heard(path: Path) -> list[tuple[float, Samples]]:
    """Decode what an ear kept: when each stretch of sound came, and the sound.

    Where packets are missing, by their timestamps, there is silence.
    """
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = ROOM_RATE_HZ, "mono"
    heard: list[tuple[float, Samples]] = []
    expected: int | None = None
    for at_s, timestamp, payload in _packets(path.read_bytes()):
        hole = 0 if expected is None else (timestamp - expected) % _TIMESTAMPS
        if 0 < hole < _LONGEST_HOLE:
            heard.append((at_s - hole / ROOM_RATE_HZ, np.zeros(hole, np.int16)))
        decoded = [frame.to_ndarray().reshape(-1) for frame in decoder.decode(av.Packet(payload))]
        sound = np.concatenate(decoded).astype(np.int16)
        heard.append((at_s, sound))
        expected = (timestamp + sound.size) % _TIMESTAMPS
    return heard


def _packets(content: bytes) -> Iterable[tuple[float, int, bytes]]:
    at = 0
    while at < len(content):
        at_s, timestamp, length = _HEARD.unpack_from(content, at)
        at += _HEARD.size
        yield at_s, timestamp, content[at : at + length]
        at += length
