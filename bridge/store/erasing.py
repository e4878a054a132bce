"""How is a call forgotten, wherever it is kept: in memory, on its way to the store, and in it?"""

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.ports.placement import Directory
from bridge.ports.recording import RecordingFiles
from bridge.ports.store import CallEraser, Erased
from bridge.store.database import awaited
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.store.pending import Pending
from bridge.store.schema import CALLS
from bridge.store.statements import erase_call
from bridge.store.webhooks import MemoryWebhooks
from bridge.store.writer import Writer

# A batch takes milliseconds; whoever asks is not kept waiting for a store that is stuck.
_PATIENCE_S: Final = 5.0
_RETRY_S: Final = 5.0


class MemoryEraser:
    """Implements CallEraser for what memory holds."""

    def __init__(
        self,
        directory: Directory,
        events: MemoryEventLog,
        reports: MemoryStore,
        webhooks: MemoryWebhooks,
    ) -> None:
        self._directory = directory
        self._events = events
        self._reports = reports
        self._webhooks = webhooks

    async def erase(self, connection_id: ConnectionId) -> Erased:
        await self._directory.remove(connection_id)
        return Erased(
            events=self._events.forget(connection_id),
            report=self._reports.forget(connection_id),
            webhooks=self._webhooks.forget(connection_id),
        )


class DurableEraser:
    """Implements CallEraser for a store and the memory in front of it."""

    def __init__(
        self, memory: CallEraser, pending: Pending, writer: Writer, engine: AsyncEngine
    ) -> None:
        self._memory = memory
        self._pending = pending
        self._writer = writer
        self._engine = engine

    async def erase(self, connection_id: ConnectionId) -> Erased:
        try:
            # What the writer has in hand would be written behind the deletion.
            async with self._writer.between_batches(_PATIENCE_S):
                async with awaited(self._engine.begin(), "the store of ended calls") as connection:
                    stored = await erase_call(connection, connection_id)
                waiting = self._pending.forget(connection_id)
        except TimeoutError as error:
            message = "the store does not take what it is given"
            raise Unavailable("STORE_UNAVAILABLE", message, _RETRY_S) from error
        remembered = await self._memory.erase(connection_id)
        return Erased(
            # Of what is in both places each is counted once.
            events=max(remembered.events, stored.events + waiting),
            report=remembered.report or stored.report,
            webhooks=stored.webhooks,
        )


async def erase_stored(
    engine: AsyncEngine, recordings: RecordingFiles | None, connection_id: ConnectionId
) -> bool:
    """Erase a call that is over without a server, its sound first; return whether it was there.

    :raises Unavailable: a file cannot be deleted.
    """
    over = (CALLS.c.connection_id == connection_id) & CALLS.c.ended_us.is_not(None)
    async with engine.connect() as connection:
        tenant_id = await connection.scalar(select(CALLS.c.tenant_id).where(over))
    if tenant_id is None:
        return False
    if recordings is not None:
        await recordings.erase(TenantId(tenant_id), connection_id)
    async with engine.begin() as connection:
        await erase_call(connection, connection_id)
    return True
