"""What is one connection's part of a conversation, and what do several come to?"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.errors import ModelError
from bridge.model.items import Item
from bridge.model.memory import Memory
from bridge.model.session import RealtimeSession
from bridge.model.settings import ContinuitySettings
from bridge.ports.model import ModelCounters
from bridge.ports.model_config import ModelConfig

# Beside a limit of minutes (there is none so short but in tests) the margins shrink with it.
_LARGEST_PART: Final = 0.5
_LARGEST_FORCED_PART: Final = 0.1


@dataclass(slots=True, eq=False)
class Leg:
    """One connection's part of the conversation."""

    session: RealtimeSession
    items: list[Item]
    """What it was told at its beginning, as text."""
    revision: int
    """Of the memory, when it was told."""
    began_s: float
    rotate_at_s: float
    """From then on it is replaced at the next quiet moment,"""
    force_at_s: float
    """and from then on at any."""
    task: asyncio.Task[None] = field(init=False)
    """What reads it."""
    on_air: asyncio.Event = field(default_factory=asyncio.Event)
    retired: bool = False
    failure: ModelError | None = None
    dropped_ms: float = 0.0
    """What its queue had dropped by the time it failed: the rest is the gap's."""

    @property
    def is_over(self) -> bool:
        return self.task.done()

    def was_told(self, item_id: str) -> bool:
        """Return whether an item is text to this session, not sound."""
        return any(item.get("id") == item_id for item in self.items)

    async def catch_up(self, memory: Memory, config: Callable[[], ModelConfig]) -> None:
        """Tell the session what has changed since it was told: the conversation, its settings."""
        with suppress(ModelError):  # whoever reads it learns why it is gone
            while self.revision != memory.revision or self.session.config != config():
                self.revision = memory.revision
                await self.session.configure(config())
                await self._tell_changes(memory.items())

    async def _tell_changes(self, items: list[Item]) -> None:
        told, self.items = self.items, items
        for item in told:
            if item not in items and "id" in item:
                await self.session.delete(str(item["id"]))
        before = "root"
        for item in items:
            if item not in told:
                await self.session.create(item, before)
            before = str(item.get("id", before))


def margins(
    expires_in_s: float | None, settings: ContinuitySettings, began_s: float
) -> tuple[float, float]:
    """Return when a connection should be replaced, and when it must be.

    :param expires_in_s: what the provider said; a time that is past already is a wrong clock's.
    """
    limit_s = settings.session_limit_s
    if expires_in_s is not None and expires_in_s > 0:
        limit_s = expires_in_s
    ends_s = began_s + limit_s
    margin_s = min(settings.rotate_before_s, limit_s * _LARGEST_PART)
    forced_margin_s = min(settings.force_before_s, limit_s * _LARGEST_FORCED_PART)
    return ends_s - margin_s, ends_s - forced_margin_s


def over(past: ModelCounters, last: ModelCounters) -> ModelCounters:
    """Return the totals of what is over."""
    return replace(total(past, last), audio_queued_ms=0.0, round_trip_ms=None)


def total(past: ModelCounters, now: ModelCounters) -> ModelCounters:
    """Return the totals of what is over and what is there now."""
    return ModelCounters(
        audio_sent_ms=past.audio_sent_ms + now.audio_sent_ms,
        audio_queued_ms=now.audio_queued_ms,
        audio_dropped_ms=past.audio_dropped_ms + now.audio_dropped_ms,
        audio_received_ms=past.audio_received_ms + now.audio_received_ms,
        round_trip_ms=now.round_trip_ms,
        malformed_frames=past.malformed_frames + now.malformed_frames,
        unknown_events=past.unknown_events + now.unknown_events,
        ignored_refusals=past.ignored_refusals + now.ignored_refusals,
        reconnects=past.reconnects + now.reconnects,
        rotations=past.rotations + now.rotations,
        gap_ms=past.gap_ms + now.gap_ms,
    )
