"""What does a call do all at once while it lives? Tasks, none of which outlives it."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

from bridge.ids import ConnectionId

Part = Coroutine[None, None, None]
Spawn = Callable[[Part, str], None]


class Parts:
    """The tasks of one call. Leaving cancels them."""

    def __init__(self, connection_id: ConnectionId, blame: Callable[[Exception], None]) -> None:
        """
        :param blame: takes what a part raises: it ends the call, and neither part nor call decides
            alone.
        """
        self._connection_id = connection_id
        self._blame = blame
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(exc_type, exc, traceback)

    def spawn(self, part: Part, name: str) -> None:
        """Let a part run until it is over, or the call is."""
        task = self._group.create_task(self._guard(part), name=f"{name} {self._connection_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step never awaits its part.
        task.add_done_callback(lambda _: part.close())

    async def _guard(self, part: Part) -> None:
        try:
            await part
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this call, not the host
            self._blame(error)
