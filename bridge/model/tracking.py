"""What is under way in a session: which responses, and how much sound of which item?"""

from dataclasses import replace
from typing import Final

from bridge.pcm import BYTES_PER_SAMPLE, MODEL_RATE_HZ, duration_ms
from bridge.ports.model_event import AudioDelta

# Only what is spoken now or was a moment ago is ever truncated.
_ITEMS_REMEMBERED: Final = 16


class Responses:
    """The responses that were asked for or have begun, and are not over.

    A cancel that overtakes its response's beginning does nothing at the server. So it is kept
    here until the response has an id.
    """

    def __init__(self) -> None:
        self._active: dict[str, None] = {}
        self._awaited: dict[str, bool] = {}  # tag -> to be cancelled

    def requested(self, tag: str) -> None:
        """Note that a response was asked for."""
        self._awaited[tag] = False

    def refused(self, tag: str) -> None:
        """Note that a response asked for will not come."""
        self._awaited.pop(tag, None)

    def started(self, response_id: str, tag: str | None) -> bool:
        """Note a beginning; return whether the response was cancelled before it."""
        self._active[response_id] = None
        return self._awaited.pop(tag, False) if tag is not None else False

    def over(self, response_id: str, tag: str | None) -> bool:
        """Note an end; return whether the beginning was seen."""
        if tag is not None:
            self._awaited.pop(tag, None)
        return self._active.pop(response_id, "unseen") is None

    def cancel(self, response_id: str | None) -> list[str]:
        """Return the ids to cancel now: `response_id` unless it is over, or all there are."""
        if response_id is not None:
            return [response_id] if response_id in self._active else []
        self._awaited = dict.fromkeys(self._awaited, True)
        return list(self._active)


class ReceivedAudio:
    """The agent's sound as it came in, item by item."""

    def __init__(self) -> None:
        self._total_bytes = 0
        self._item_bytes: dict[tuple[str, int], int] = {}
        self._half_sample = b""
        self._half_sample_of: tuple[str, int] | None = None

    @property
    def total_ms(self) -> float:
        return duration_ms(self._total_bytes, MODEL_RATE_HZ)

    def add(self, delta: AudioDelta) -> AudioDelta | None:
        """Return `delta` in whole samples, or None if it holds none.

        The protocol does not say that a delta ends with a sample: half a one waits for the rest,
        and is forgotten when another item begins.
        """
        part = (delta.item_id, delta.content_index)
        pcm = delta.pcm
        if self._half_sample and self._half_sample_of == part:
            pcm = self._half_sample + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        self._half_sample, self._half_sample_of = pcm[whole:], part
        if not whole:
            return None
        self._count(part, whole)
        return delta if len(delta.pcm) == whole else replace(delta, pcm=pcm[:whole])

    def clamp_ms(self, item_id: str, content_index: int, audio_end_ms: int) -> int:
        """Return `audio_end_ms`, no more than was received: servers refuse a later one."""
        received = self._item_bytes.get((item_id, content_index))
        end_ms = max(0, audio_end_ms)
        return (
            end_ms if received is None else min(end_ms, int(duration_ms(received, MODEL_RATE_HZ)))
        )

    def _count(self, part: tuple[str, int], byte_count: int) -> None:
        self._total_bytes += byte_count
        self._item_bytes[part] = self._item_bytes.get(part, 0) + byte_count
        if len(self._item_bytes) > _ITEMS_REMEMBERED:
            del self._item_bytes[next(iter(self._item_bytes))]
