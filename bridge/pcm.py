"""Which audio formats exist here: 16-bit little-endian mono PCM at two sample rates."""

from typing import Final

BYTES_PER_SAMPLE: Final = 2

# What WebRTC carries: Opus decodes to 48 kHz and is encoded from it.
ROOM_RATE_HZ: Final = 48_000
# What realtime models speak: audio/pcm is defined at this rate only.
MODEL_RATE_HZ: Final = 24_000

# Shorter frames waste CPU on events; longer ones delay barge-in and add latency.
FRAME_MS: Final = 20
ROOM_FRAME_SAMPLES: Final = ROOM_RATE_HZ * FRAME_MS // 1000
ROOM_FRAME_BYTES: Final = ROOM_FRAME_SAMPLES * BYTES_PER_SAMPLE

# WebRTC consumes audio in ticks of this length; a shorter rest in a source never plays.
TICK_MS: Final = 10


def duration_ms(byte_count: int, rate_hz: int) -> float:
    """Return how long `byte_count` bytes of mono PCM at `rate_hz` last, in milliseconds."""
    return byte_count * 1000 / (BYTES_PER_SAMPLE * rate_hz)


def byte_count(duration_ms: float, rate_hz: int) -> int:
    """Return the bytes of `duration_ms` of mono PCM at `rate_hz`, a whole number of samples."""
    return int(duration_ms * rate_hz / 1000) * BYTES_PER_SAMPLE
