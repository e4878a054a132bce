"""What a simulator has seen since it started: counts for tests and demos, never speech."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bridge.simulator.wire import JsonObject

_REMEMBERED: Final = 1000


class Truncation(NamedTuple):
    """One accepted conversation.item.truncate."""

    item_id: str
    audio_end_ms: int


@dataclass(slots=True)
class Totals:
    """Totals over all sessions; of truncations the newest 1000 are kept."""

    sessions_opened: int = 0
    sessions_closed: int = 0
    responses: int = 0
    appended_audio_ms: float = 0
    truncations: deque[Truncation] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    received: Counter[str] = field(default_factory=Counter)
    """Client events by type; those of no known type count as "unknown"."""
    last_session: JsonObject | None = None
    """The newest session configuration, instructions included."""

    @property
    def sessions_open(self) -> int:
        """How many sessions are open now."""
        return self.sessions_opened - self.sessions_closed

    def public(self) -> JsonObject:
        """Return everything as JSON."""
        return {
            "sessions_open": self.sessions_open,
            "sessions_opened": self.sessions_opened,
            "sessions_closed": self.sessions_closed,
            "responses": self.responses,
            "appended_audio_ms": round(self.appended_audio_ms),
            "truncations": [truncation._asdict() for truncation in self.truncations],
            "received": dict(self.received),
            "last_session": self.last_session,
        }
