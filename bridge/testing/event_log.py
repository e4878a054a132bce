"""A scripted call's events: numbered without gaps, kept, and followed by any number of watchers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from bridge.errors import Refusal
from bridge.ids import ConnectionId
from bridge.ports.clock import Clock
from bridge.v1.event_pb2 import CallEvent


class EventLog:
    """Unbounded: a test's call is short."""

    def __init__(self, connection_id: ConnectionId, clock: Clock) -> None:
        self.connection_id = connection_id
        self.events: list[CallEvent] = []
        self.completed = asyncio.Event()
        """The call has told of its end."""
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._news = asyncio.Event()
        self._break: asyncio.Future[Refusal] = asyncio.get_running_loop().create_future()

    def tell(self, **kind: Any) -> None:  # noqa: ANN401 - one of CallEvent's kinds, by its name
        self.append(CallEvent(**kind))

    def append(self, event: CallEvent) -> None:
        """Number and date a copy of the event, and let watchers have it."""
        told = CallEvent()
        told.CopyFrom(event)
        told.connection_id = self.connection_id
        told.sequence = len(self.events) + 1
        told.time.FromDatetime(self._clock.now())
        told.call_offset.FromTimedelta(timedelta(seconds=self._clock.monotonic_s() - self._began_s))
        self.events.append(told)
        if told.HasField("ended"):
            self.completed.set()
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self, after: int) -> AsyncIterator[CallEvent]:
        """Yield the events behind `after`, up to and with `ended`.

        :raises Refusal: the stream is broken off.
        """
        breaking = self._break
        while True:
            if breaking.done():
                raise breaking.result()
            if after < len(self.events):
                yield self.events[after]
                after += 1
            elif self.completed.is_set():
                return
            else:
                await self._news.wait()

    def break_off(self, refusal: Refusal) -> None:
        """End the streams of all who follow now; who comes later is served."""
        self._break.set_result(refusal)
        self._break = asyncio.get_running_loop().create_future()
        self._news.set()
        self._news = asyncio.Event()
