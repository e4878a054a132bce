"""How does a watcher miss nothing: a stream of events that goes on where a broken one stopped."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from bridge.client.errors import BridgeCallError
from bridge.v1.event_pb2 import CallEvent

Sleep = Callable[[float], Awaitable[None]]
OpenStream = Callable[[int], AsyncGenerator[CallEvent, None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a broken stream is tried again, and how often in a row."""

    first_s: float = 0.2
    factor: float = 2.0
    longest_s: float = 5.0
    # About a minute with the delays above: longer than a restart, shorter than a patience.
    attempts: int = 15
    jitter: float = 0.2
    """Share by which a delay is shortened at random, so that watchers do not come back as one."""

    def delay_s(self, attempt: int) -> float:
        """Return the wait before the retry number `attempt`, counted from 0."""
        full = min(self.longest_s, self.first_s * self.factor**attempt)
        return full * (1 - self.jitter * random.random())  # noqa: S311 (no secret)


async def resumed(
    open_stream: OpenStream,
    after_sequence: int,
    backoff: Backoff,
    sleep: Sleep = asyncio.sleep,
) -> AsyncGenerator[CallEvent, None]:
    """Yield each event behind `after_sequence` once; ends with the stream, behind `ended`.

    :raises BridgeCallError: the server refused, or stayed away for `backoff.attempts` tries in a
        row.
    """
    seen, failures = after_sequence, 0
    while True:
        try:
            async with aclosing(open_stream(seen)) as events:
                async for event in events:
                    failures = 0
                    if event.sequence <= seen:
                        continue
                    seen = event.sequence
                    yield event
                    if event.WhichOneof("kind") == "ended":
                        return
        except BridgeCallError as lost:
            if not lost.can_be_resumed or failures >= backoff.attempts:
                raise
            asked = lost.retry_after.total_seconds() if lost.retry_after else 0.0
            await sleep(max(asked, backoff.delay_s(failures)))
            failures += 1
        else:
            return
