"""Which thread of a process used the CPU? By the names that WebRTC, tokio and we give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# What a thread is there for, by how its name begins; the kernel keeps 15 letters of it.
_PARTS: Final[Mapping[str, str]] = {
    "tokio": "FFI: signalling, events to Python",
    "livekit-audio": "FFI: signalling, events to Python",
    "AudioSourceCapt": "WebRTC: source",
    "AudioEncoder": "WebRTC: Opus encoder",
    "SyntheticAudioD": "WebRTC: device, Opus decoder",
    "network_thread": "WebRTC: network, DTLS, SRTP",
    "worker_thread": "WebRTC: worker",
    "signaling_threa": "WebRTC: worker",
}
PYTHON: Final = "Python: event loop"
OTHERS: Final = "other threads (gRPC's own, the pool's)"
PARTS: Final = (PYTHON, OTHERS, *dict.fromkeys(_PARTS.values()))

_NS_PER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class ThreadTimes:
    """What each thread of one process has used so far, in CPU seconds."""

    by_thread: Mapping[int, tuple[str, float]]

    @classmethod
    def of(cls, pid: int) -> "ThreadTimes":
        """Read them now."""
        times = {}
        for thread in Path(f"/proc/{pid}/task").iterdir():
            try:
                name = (thread / "comm").read_text().strip()
                # Nanoseconds; `stat` would count in ticks of 10 ms.
                ran_ns = int((thread / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                continue  # it has just ended
            number = int(thread.name)
            times[number] = (_part(pid, number, name), ran_ns / _NS_PER_S)
        return cls(times)

    def since(self, before: "ThreadTimes") -> dict[str, float]:
        """Return what each part used between two readings, in CPU seconds."""
        used = dict.fromkeys(PARTS, 0.0)
        for number, (part, seconds) in self.by_thread.items():
            used[part] += seconds - before.by_thread.get(number, (part, 0.0))[1]
        return used


def _part(pid: int, thread: int, name: str) -> str:
    if thread == pid:
        return PYTHON
    return next((part for begin, part in _PARTS.items() if name.startswith(begin)), OTHERS)
