"""When is a stored call forgotten? Once it has been over for as long as calls are kept."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.moments import to_microseconds
from bridge.ports.clock import Clock
from bridge.store.database import FAILURES
from bridge.store.schema import CALLS, SPENDING
from bridge.store.statements import delete_calls

_log = get_logger(__name__)

_EVERY_S: Final = 3600.0
# Others write between two of them.
_CALLS_A_STEP: Final = 100
_PAUSE_S: Final = 0.05
# No call lives so long: what has no end by then is of a server that never came back.
_LONGEST_LIFE: Final = timedelta(days=2)
# Yesterday's calls may still tell of yesterday.
_SPENDING_DAYS: Final = 2


class Purge:
    """Deletes what has been kept for long enough."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self, kept_for: timedelta) -> None:
        """Purge at once and then every hour, until cancelled."""
        while True:
            try:
                count = await self.ended_before(self._clock.now() - kept_for)
            except FAILURES as error:
                _log.warning("store not purged", error=type(error).__name__)
            else:
                if count:
                    _log.info("old calls are deleted", calls=count)
            await self._clock.sleep(_EVERY_S)

    async def ended_before(self, moment: datetime) -> int:
        """Delete the calls that ended before a moment; return how many there were."""
        count = 0
        while deleted := await self._step(moment):
            count += deleted
            await self._clock.sleep(_PAUSE_S)
        first_day = self._clock.now().date() - timedelta(days=_SPENDING_DAYS)
        async with self._engine.begin() as connection:
            await connection.execute(delete(SPENDING).where(SPENDING.c.day < first_day))
        return count

    async def _step(self, moment: datetime) -> int:
        abandoned = CALLS.c.created_us < to_microseconds(moment - _LONGEST_LIFE)
        over = (
            select(CALLS.c.connection_id)
            .where(
                or_(
                    CALLS.c.ended_us < to_microseconds(moment),
                    and_(CALLS.c.ended_us.is_(None), abandoned),
                )
            )
            .limit(_CALLS_A_STEP)
        )
        return await self._delete(over)

    async def _delete(self, wanted: Select[str]) -> int:
        async with self._engine.connect() as connection:
            ids = (await connection.scalars(wanted)).all()
        if ids:
            # A transaction of its own: one that has read before it writes cannot wait its turn.
            async with self._engine.begin() as connection:
                await delete_calls(connection, [ConnectionId(one) for one in ids])
        return len(ids)
