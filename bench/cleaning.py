"""What does cleaning a microphone do, and cost? `python -m bench.cleaning`, half a minute."""

import time

from rich.console import Console
from rich.table import Table

from bench.noise import Samples, delay_ms, noisy_speech, snr_db
from bridge.pcm import ROOM_FRAME_SAMPLES
from bridge.ports.agent import NoisePolicy
from bridge.room.cleaning import WebRtcCleaner

_POLICIES = (
    NoisePolicy(suppression=True),
    NoisePolicy(suppression=True, gain=True),
    NoisePolicy(gain=True),
)
_NOISE_DB = (5.0, 10.0, 20.0)


def cleaned(sound: Samples, policy: NoisePolicy) -> tuple[Samples, float]:
    """Return the sound cleaned frame by frame, and the CPU seconds that took."""
    cleaner = WebRtcCleaner(policy)
    out = sound.copy()
    began_s = time.process_time()
    for start in range(0, sound.size - ROOM_FRAME_SAMPLES + 1, ROOM_FRAME_SAMPLES):
        frame = sound[start : start + ROOM_FRAME_SAMPLES].data.cast("B")
        out.data.cast("B")[2 * start : 2 * start + len(frame)] = cleaner.clean(frame)
    return out, time.process_time() - began_s


def main() -> None:
    """Print the table of docs/performance.md."""
    table = Table("cleaning", "speech above noise, in -> out, dB", "delay, ms", "us per 10 ms")
    for policy in _POLICIES:
        name = " and ".join(n for n in ("suppression", "gain") if getattr(policy, n))
        changes = []
        for noise_db in _NOISE_DB:
            noisy = noisy_speech(noise_db).noisy
            out, _ = cleaned(noisy, policy)
            changes.append(f"{snr_db(noisy):.0f} -> {snr_db(out):.0f}")
        speech = noisy_speech(_NOISE_DB[-1]).clean
        out, cpu_s = cleaned(speech, policy)
        ticks = speech.size / ROOM_FRAME_SAMPLES * 2
        late_ms = delay_ms(out, speech)
        table.add_row(name, ", ".join(changes), f"{late_ms:.1f}", f"{cpu_s / ticks * 1e6:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
