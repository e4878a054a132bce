"""Which sessions are open before anybody asks? A few, so that a call starts without waiting."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

from bridge.errors import ModelError, ModelFailure
from bridge.model.service import Dialled, RealtimeModels
from bridge.model.session import RealtimeSession
from bridge.ports.clock import Clock
from bridge.ports.model_config import ModelConfig

# A provider that refuses is asked again, but not pressed: no call waits for this.
_AGAIN_S: Final = 15.0
# One that is taken must have much of its time left: it is renewed after this part of it.
_KEPT_PART: Final = 0.5
_LIMIT_S: Final = 3600.0
# A warm session that does not answer at once may be dead: a new one is then quicker.
_CLAIM_S: Final = 2.0
# These would be the same with another session.
_CALLERS_FAULT: Final = frozenset(
    {ModelFailure.AUTH, ModelFailure.QUOTA, ModelFailure.CONFIG_REJECTED}
)


class WarmSessions:
    """Keeps `count` sessions of one model open, never more; each one taken is replaced.

    Entering begins to open them and does not wait; leaving closes those that nobody took.
    """

    def __init__(self, models: RealtimeModels, model: str, count: int, clock: Clock) -> None:
        self._models = models
        self._model = model
        self._count = count
        self._clock = clock
        self._ready: deque[tuple[Dialled, asyncio.Event]] = deque()
        self._tasks = asyncio.TaskGroup()
        self._places: list[asyncio.Task[None]] = []
        self._taken = 0

    @property
    def ready(self) -> int:
        """How many can be taken now."""
        return len(self._ready)

    @property
    def taken(self) -> int:
        """How many calls began on one."""
        return self._taken

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._places = [
            self._tasks.create_task(self._fill_place(), name="warm session")
            for _ in range(self._count)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for place in self._places:
            place.cancel()
        # The body's error comes out as it is.
        await self._tasks.__aexit__(None, None, None)

    async def connect(
        self, config: ModelConfig, items: Sequence[Mapping[str, object]] = ()
    ) -> RealtimeSession:
        """Return a session to be entered: a warm one if one fits, else a new one.

        :raises ModelError: it could not be opened in time, or `config` was refused.
        """
        # For whom a session is stands in the request that opens it.
        fits = config.model == self._model and config.safety_identifier is None
        if fits and self._ready:
            warm, over = self._ready.popleft()
            over.set()
            with suppress(TimeoutError):
                async with self._clock.timeout(_CLAIM_S):
                    try:
                        session = await self._models.adopt(warm, config, items)
                    except ModelError as error:
                        if error.failure in _CALLERS_FAULT:
                            raise
                    else:
                        self._taken += 1
                        return session
        return await self._models.connect(config, items)

    async def _fill_place(self) -> None:
        while True:
            try:
                warm = await self._models.dial(self._model)
            except ModelError:
                await self._clock.sleep(_AGAIN_S)
            else:
                await self._offer(warm)

    async def _offer(self, warm: Dialled) -> None:
        """Let a session be taken until it is, or is closed or old."""
        over = asyncio.Event()
        offer = (warm, over)
        watch = self._tasks.create_task(_set_when_closed(warm, over), name="warm socket")
        self._ready.append(offer)
        expires_in_s = warm.expires_in_s
        limit_s = expires_in_s if expires_in_s is not None and expires_in_s > 0 else _LIMIT_S
        try:
            with suppress(TimeoutError):
                async with self._clock.timeout(limit_s * _KEPT_PART):
                    await over.wait()
        finally:
            watch.cancel()
            if offer in self._ready:
                self._ready.remove(offer)
                await warm.socket.aclose()


async def _set_when_closed(warm: Dialled, over: asyncio.Event) -> None:
    await warm.socket.wait_closed()
    over.set()
