"""What has the caller heard of what the model said? The clearable buffer before the output.

The model's sound is kept as it came, at 24 kHz, and resampled frame by frame as the writer takes
it: half the memory, no work on sound that a barge-in throws away, no long pause of the event
loop when a whole answer arrives at once, and positions that are exact in the model's own time.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final

from bridge.media.ledger import BYTES_PER_MS, Item, ItemKey, ItemPlayed, Ledger
from bridge.media.resample import Resampler
from bridge.media.standing import StandingDelay
from bridge.media.surplus import Surplus
from bridge.media.waiting import Waiting
from bridge.media.written import TICK_BYTES, Frame, Written
from bridge.pcm import BYTES_PER_SAMPLE, FRAME_MS, MODEL_RATE_HZ, ROOM_RATE_HZ
from bridge.ports.clock import Clock
from bridge.ports.room import AudioOutput

# The longest answer a model gives: 4,096 tokens are about 205 s. At most 11.5 MB a call.
MAX_BUFFERED_MS: Final = 240_000

# Of what waits, a frame takes up to so much: five times fewer frames cost five times less. No
# more: it is resampled in one go, and the source must have room for it.
LONGEST_FRAME_MS: Final = 100

_LONGEST_BYTES: Final = LONGEST_FRAME_MS * BYTES_PER_MS
# An item begins once 20 ms of it are ready: sound that arrives just in real time then has 10 ms
# in hand against jitter, at the price of one frame of delay.
_FIRST_BYTES: Final = FRAME_MS * BYTES_PER_MS
# Room bytes for one of the model's.
_RATIO: Final = ROOM_RATE_HZ // MODEL_RATE_HZ
# Deltas still under way after a clear belong to the last response or two, of a few items each.
_CLOSED_REMEMBERED: Final = 32
# Looking again sooner than this for the last sound to end would only burn the loop.
_SHORTEST_WAIT_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class PlayoutCounters:
    """Totals; at any moment received = played + queued + buffered + cleared + dropped + stale."""

    received_ms: float = 0.0
    played_ms: float = 0.0
    queued_ms: float = 0.0
    """Written to the output and not played yet."""
    buffered_ms: float = 0.0
    cleared_ms: float = 0.0
    """Given up by `clear`, unheard."""
    dropped_ms: float = 0.0
    """Beyond what the buffer holds, the rest of an item that overflowed; and standing delay."""
    stale_ms: float = 0.0
    """Of items that were finished or cleared before it arrived."""
    underruns: int = 0
    """Gaps that were heard: the output ran dry within an item."""


class Playout:
    """Buffers what the model says until it is played. One task takes frames and writes them.

    A buffer that is full drops the rest of the item that overflows. Delay that a stall has left is
    left out of the item, see `StandingDelay`.
    """

    def __init__(
        self,
        resampler: Resampler,
        output: AudioOutput,
        clock: Clock,
        max_buffered_ms: int = MAX_BUFFERED_MS,
    ) -> None:
        self._resampler = resampler
        self._output = output
        self._clock = clock
        self._max_buffered = max_buffered_ms * BYTES_PER_MS
        self._ledger = Ledger(output)
        self._waiting: deque[Waiting] = deque()  # only the last can be unfinished
        self._closed: deque[ItemKey] = deque(maxlen=_CLOSED_REMEMBERED)
        self._ready = bytearray()  # resampled sound of the first waiting item
        self._written = Written()
        self._returned: deque[Frame] = deque()  # taken back, to be written again
        self._paused = False
        self._sounded = asyncio.Event()  # there may be something for the writer
        self._filled = asyncio.Event()  # something waits to be written
        self._emptied = asyncio.Event()  # nothing waits to be written
        self._emptied.set()
        self._writing = ""
        self._dry_at_s = 0.0  # when the output has played all that was taken
        self._delay = StandingDelay()
        self._surplus = Surplus()
        self._received = self._dropped = self._stale = self._underruns = 0

    def push(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Add sound of the model: 24 kHz mono int16, of any even length.

        Sound of a new item finishes the one before; sound of a finished or cleared item is stale.
        """
        if not pcm:
            return
        size = len(pcm) * _RATIO
        self._received += size
        waiting = self._open((item_id, content_index))
        if waiting is None:
            self._stale += size
            return
        waiting.item.received += size
        buffered = self._buffered
        waiting.overflowed |= buffered + size > self._max_buffered
        if waiting.overflowed:
            self._dropped += size
            return
        if waiting.item.written:
            self._look_for_standing_delay(buffered)
        waiting.append(pcm)
        waiting.item.accepted += size
        if self._surplus:
            self._leave_out(waiting)
        self._sounded.set()

    def finish(self, item_id: str, content_index: int) -> None:
        """Note that no more sound of this item follows. One that is unknown is no error."""
        if self._waiting and self._waiting[-1].item.key == (item_id, content_index):
            self._finish(self._waiting[-1])

    def clear(self) -> tuple[ItemPlayed, ...]:
        """Stop at once, output included; return how much was heard of what was not heard wholly.

        Sound of these items that still arrives is dropped as stale.
        """
        report = self.progress()
        for waiting in self._waiting:
            self._closed.append(waiting.item.key)
        self._ledger.clear(self._unbegun)
        self._waiting.clear()
        self._surplus.forget()
        self._written.clear()
        self._returned.clear()
        self._paused = False
        self._ready.clear()
        self._resampler.reset()
        self._note_if_empty()
        return report

    def pause(self) -> None:
        """Stop at once, output included, and give nothing up: `resume` goes on where this was."""
        if self._paused:
            return
        self._paused = True
        self._dry_at_s = inf  # this silence is nobody's fault
        self._delay.begin(self._clock.monotonic_s())
        unplayed = self._written.take_back(int(self._output.queued_ms * BYTES_PER_MS))
        for frame in reversed(unplayed):
            self._ledger.took_back(frame.item, frame.sound, frame.padding)
        self._output.clear()
        self._returned.extendleft(reversed(unplayed))
        if self._returned:
            self._emptied.clear()
            self._filled.set()

    def resume(self) -> None:
        """Go on after `pause`, if nothing has been cleared since."""
        self._paused = False
        self._sounded.set()

    @property
    def is_paused(self) -> bool:
        return self._paused

    def progress(self) -> tuple[ItemPlayed, ...]:
        """Return how much was heard of each item that is not wholly heard yet, oldest first."""
        return tuple(self._ledger.report(i) for i in (*self._ledger.unplayed(), *self._unbegun))

    @property
    def writing_item_id(self) -> str:
        """Return the item that the newest frame was of; empty before there was one."""
        return self._writing

    async def filled(self) -> None:
        """Wait until there is something to be played. Cancelling it changes nothing."""
        await self._filled.wait()

    async def drained(self) -> None:
        """Wait until all that was pushed has been finished and played, or cleared.

        Cancelling it changes nothing.
        """
        while True:
            await self._emptied.wait()
            queued_ms = self._output.queued_ms
            if queued_ms <= 0:
                return
            await self._clock.sleep(max(queued_ms / 1000, _SHORTEST_WAIT_S))

    async def next_frame(self) -> memoryview:
        """Wait for sound and return it: 48 kHz, a whole number of 10 ms, 100 ms at most.

        It counts as written at once. Cancelling it loses nothing.
        """
        while (frame := self._take()) is None:
            self._sounded.clear()
            await self._sounded.wait()
        self._note_silence(frame.item, len(frame.pcm))
        self._writing = frame.item.key[0]
        self._ledger.wrote(frame.item, frame.sound, frame.padding)
        self._written.append(frame)
        if self._waiting and self._waiting[0].flushed and not self._ready:
            self._leave(self._waiting[0])
        self._note_if_empty()
        return frame.pcm

    @property
    def counters(self) -> PlayoutCounters:
        played, queued = self._ledger.played_and_queued()
        return PlayoutCounters(
            received_ms=self._received / BYTES_PER_MS,
            played_ms=played / BYTES_PER_MS,
            queued_ms=queued / BYTES_PER_MS,
            buffered_ms=self._buffered / BYTES_PER_MS,
            cleared_ms=self._ledger.cleared / BYTES_PER_MS,
            dropped_ms=self._dropped / BYTES_PER_MS,
            stale_ms=self._stale / BYTES_PER_MS,
            underruns=self._underruns,
        )

    def __str__(self) -> str:
        now = self.counters
        return (
            f"Playout({now.buffered_ms:.0f} ms buffered, {now.played_ms:.0f} ms played, "
            f"{now.cleared_ms:.0f} ms cleared, {now.dropped_ms:.0f} ms dropped, "
            f"{now.stale_ms:.0f} ms stale, {now.underruns} underruns)"
            f" -> {self._resampler} -> {self._output}"
        )

    @property
    def _buffered(self) -> int:
        return sum(item.unwritten for item in self._unwritten)

    @property
    def _unbegun(self) -> tuple[Item, ...]:
        return tuple(item for item in self._unwritten if not item.written)

    @property
    def _unwritten(self) -> tuple[Item, ...]:
        """Return the items of which something is still to be written, oldest first."""
        waiting = tuple(waiting.item for waiting in self._waiting)
        if not self._returned:
            return waiting
        returned = [frame.item for frame in self._returned]
        return tuple({item.key: item for item in (*returned, *waiting)}.values())

    def _open(self, key: ItemKey) -> Waiting | None:
        newest = self._waiting[-1] if self._waiting else None
        if newest is not None and newest.item.key == key and not newest.item.finished:
            return newest
        if key in self._closed:
            return None
        if newest is not None and not newest.item.finished:
            self._finish(newest)
        self._waiting.append(Waiting(key))
        self._emptied.clear()
        self._filled.set()
        return self._waiting[-1]

    def _finish(self, waiting: Waiting) -> None:
        waiting.item.finished = True
        self._closed.append(waiting.item.key)
        self._surplus.forget()
        self._sounded.set()

    def _note_silence(self, item: Item, size: int) -> None:
        """Note what was heard between the frame before and this one, if both are of one item."""
        now_s, queued_ms = self._clock.monotonic_s(), self._output.queued_ms
        if not item.written:
            self._delay.begin(now_s)
        elif queued_ms <= 0 and now_s > self._dry_at_s:
            self._underruns += 1
            self._delay.ran_dry((now_s - self._dry_at_s) * 1000, now_s)
        self._dry_at_s = now_s + (queued_ms + size / BYTES_PER_MS) / 1000

    def _look_for_standing_delay(self, buffered: int) -> None:
        level_ms = buffered / BYTES_PER_MS + self._output.queued_ms
        now_s = self._clock.monotonic_s()
        self._surplus.add(self._delay.excess_ms(level_ms, now_s), now_s)

    def _leave_out(self, waiting: Waiting) -> None:
        left_out = self._surplus.leave_out(waiting, self._clock.monotonic_s()) * _RATIO
        if left_out:
            waiting.item.leave_out(left_out, behind=waiting.taken * _RATIO)
            self._dropped += left_out

    def _take(self) -> Frame | None:
        """Return a frame that was taken back, or cut the next one off the first waiting item."""
        if self._paused:
            return None
        if self._returned:
            return self._returned.popleft()
        while self._waiting:
            waiting = self._waiting[0]
            self._resample(waiting)
            if self._ready or not waiting.flushed:
                return self._cut(waiting)
            self._leave(waiting)
        return None

    def _cut(self, waiting: Waiting) -> Frame | None:
        """Return a frame of the item; its last is padded with silence."""
        size = min(len(self._ready), _LONGEST_BYTES)
        padding = 0
        if not waiting.flushed and size < (TICK_BYTES if waiting.item.written else _FIRST_BYTES):
            return None
        if size < TICK_BYTES:
            padding = TICK_BYTES - size
        else:
            size -= size % TICK_BYTES
        if size == len(self._ready):
            frame, self._ready = self._ready, bytearray()
        else:
            frame = self._ready[:size]
            del self._ready[:size]
        frame += bytes(padding)
        return Frame(waiting.item, memoryview(frame), padding)

    def _resample(self, waiting: Waiting) -> None:
        while waiting and (missing := _LONGEST_BYTES - len(self._ready)) > 0:
            samples = -(-missing // _RATIO // BYTES_PER_SAMPLE)
            self._ready += self._resampler.push(waiting.take(samples * BYTES_PER_SAMPLE))
        if waiting.item.finished and not waiting and not waiting.flushed:
            self._ready += self._resampler.flush()
            waiting.flushed = True

    def _leave(self, waiting: Waiting) -> None:
        """Let the first waiting item go: it is wholly written, and the ledger has it."""
        # A resampler may give a sample more or less than went in.
        waiting.item.accepted = waiting.item.written
        self._waiting.popleft()
        self._note_if_empty()

    def _note_if_empty(self) -> None:
        if not (self._waiting or self._returned):
            self._filled.clear()
            self._emptied.set()
