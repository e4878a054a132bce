"""How does a worker tell its front what happens? In batches, in order, and once they are kept."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Final

import grpc
import orjson

from bridge.errors import ModelError, ModelFailure
from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.messages.events import logged
from bridge.messages.values import Changes, decode, encode
from bridge.ports.budget import Spent
from bridge.ports.call import CallView
from bridge.ports.event import CallEvent
from bridge.ports.host import Epoch, HostId, HostStatus
from bridge.ports.report import CallReport
from bridge.ports.tool import ToolSpec
from bridge.workers.remote_tool import RemoteTool
from bridge.workers.v1 import workers_service_pb2 as pb
from bridge.workers.v1 import workers_service_pb2_grpc

_log = get_logger(__name__)

# What waits goes with the next batch; a front that is busy gets fewer and larger ones.
_MAX_BATCH: Final = 256
_MAX_WAITING: Final = 16_384
# What a batch holds at most, unless one thing alone is larger: a report of hours may be.
_MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
# To be told costs a front more than what is told: what happens within so long is told together.
# A watcher hears of it half of this later, on the average.
_PAUSE_S: Final = 0.02
_TELL_S: Final = 5.0
# The front asks the provider, which has a deadline of its own.
_KEY_S: Final = 15.0
_BEAT_S: Final = 1.0


PROGRESS: Final = Changes(CallView)
"""How a call's views cross behind its first one. Most of it is a spec that seldom changes."""

DETAILS: Final = frozenset(
    (
        "agent_state",
        "last_activity_at",
        "active_duration_s",
        "usage",
        "transcription",
        "last_sequence",
    )
)
"""What of a call changes with every word, and is known to whoever asks for that call."""


_Waiting = tuple[pb.News, "asyncio.Future[None] | None"]


class FrontLost(ConnectionError):
    """The front does not take what it is told."""


class Front:
    """The front, as calls in a worker see it.

    Implements EventLog, DirectoryUpdates, ReportSink, Slots, SpendingSink, ToolExecutors and
    ModelKeys. What tells returns when the front has kept what it was told, `update` at once; `run`
    is what carries it there.
    """

    def __init__(self, channel: grpc.aio.Channel, host_id: HostId, epoch: Epoch) -> None:
        self._front = workers_service_pb2_grpc.FrontServiceStub(channel)
        self._host_id = host_id
        self._epoch = epoch
        self._waiting: list[_Waiting] = []
        self._news = asyncio.Event()
        self._told: dict[ConnectionId, CallView] = {}
        """As the front knows them."""
        self._drafted: dict[ConnectionId, int] = {}
        """Up to which event the front has their reports."""

    async def append(self, event: CallEvent) -> None:
        kept = logged(event)
        await self._tell(
            pb.News(
                event=pb.Event(
                    connection_id=kept.connection_id,
                    sequence=kept.sequence,
                    is_last=kept.is_last,
                    payload=kept.payload,
                )
            )
        )

    async def update(self, view: CallView, epoch: Epoch) -> None:  # noqa: ARG002 - every batch has it
        connection_id = view.connection_id
        known = self._told.pop(connection_id, None)
        if known is None:
            news = pb.News(view=encode(view))
        else:
            changes = PROGRESS.between(known, view)
            progress = pb.Progress(
                connection_id=connection_id,
                changes=orjson.dumps(changes),
                only_details=changes.keys() <= DETAILS,
            )
            news = pb.News(progress=progress)
        # Nobody waits for it: whatever is told next comes behind it, and fails if it does.
        self._add(news)
        if view.is_over:
            self._drafted.pop(connection_id, None)
        else:
            self._told[connection_id] = view

    async def remove(self, connection_id: ConnectionId) -> None:
        await self._tell(pb.News(abandoned=connection_id))

    async def save(self, report: CallReport) -> None:
        await self._tell(pb.News(report=encode(report)))

    def draft(self, report: CallReport) -> None:
        """Leave a report as far as it goes, if something has happened since the last one.

        :raises FrontLost: too much waits.
        """
        view = report.view
        if view.is_over:
            return
        if self._drafted.get(view.connection_id) != view.last_sequence:
            # Nobody waits for it: of what the front has not taken, there is soon another.
            self._add(
                pb.News(draft=pb.Draft(connection_id=view.connection_id, report=encode(report)))
            )
            self._drafted[view.connection_id] = view.last_sequence

    async def confirm(self, connection_id: ConnectionId) -> None:
        await self._tell(pb.News(confirmed=connection_id))

    async def release(self, connection_id: ConnectionId, *, forget_request: bool) -> None:
        news = (
            pb.News(abandoned=connection_id) if forget_request else pb.News(released=connection_id)
        )
        await self._tell(news)

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> RemoteTool:  # noqa: ARG002 - in the invocation
        return RemoteTool(self._front, tool)

    async def record(
        self, tenant_id: TenantId, day: date, connection_id: ConnectionId, spent: Spent
    ) -> Spent:
        """
        :raises FrontLost: it was not taken; telling it again is safe.
        """
        request = pb.RecordSpendingRequest(
            host_id=self._host_id,
            epoch=self._epoch,
            tenant_id=tenant_id,
            day=day.isoformat(),
            connection_id=connection_id,
            spent=encode(spent),
        )
        try:
            response = await self._front.RecordSpending(request, timeout=_TELL_S)
        except grpc.aio.AioRpcError as error:
            raise FrontLost(error.code().name) from error
        total: Spent = decode(Spent, response.spent)
        return total

    async def key_for(self, model: str, safety_identifier: str | None) -> str:
        """
        :raises ModelError: the provider refused, or the front does not answer.
        """
        request = pb.MintModelKeyRequest(
            host_id=self._host_id,
            epoch=self._epoch,
            model=model,
            safety_identifier=safety_identifier,
        )
        try:
            response = await self._front.MintModelKey(request, timeout=_KEY_S)
        except grpc.aio.AioRpcError as error:
            raise ModelError(ModelFailure.UNAVAILABLE, f"front: {error.code().name}") from None
        if response.WhichOneof("outcome") == "failed":
            raise ModelError(ModelFailure[response.failed.failure], response.failed.detail)
        return response.key

    async def beat(self, status: HostStatus, load: float, memory_bytes: int) -> None:
        """Say that this worker lives.

        :raises FrontLost: nobody hears it.
        """
        request = pb.BeatRequest(
            host_id=self._host_id,
            epoch=self._epoch,
            status=encode(status),
            load=load,
            memory_bytes=memory_bytes,
        )
        try:
            await self._front.Beat(request, timeout=_BEAT_S)
        except grpc.aio.AioRpcError as error:
            raise FrontLost(error.code().name) from error

    async def run(self) -> None:
        """Hand on what is told, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._hand_on(self._next_batch())
            await asyncio.sleep(_PAUSE_S)

    def _next_batch(self) -> Sequence[_Waiting]:
        size, count = 0, 0
        for news, _ in self._waiting[:_MAX_BATCH]:
            size += news.ByteSize()
            if count and size > _MAX_BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _tell(self, news: pb.News) -> None:
        """
        :raises FrontLost: it was not taken; telling it again is safe.
        """
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(news, told)
        await told

    def _add(self, news: pb.News, told: "asyncio.Future[None] | None" = None) -> None:
        """
        :raises FrontLost: too much waits.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise FrontLost("too much waits to be told")
        self._waiting.append((news, told))
        self._news.set()

    async def _hand_on(self, batch: Sequence[_Waiting]) -> None:
        request = pb.TellRequest(
            host_id=self._host_id, epoch=self._epoch, news=[news for news, _ in batch]
        )
        failure: FrontLost | None = None
        try:
            await self._front.Tell(request, timeout=_TELL_S)
        except grpc.aio.AioRpcError as error:
            _log.warning("front does not take news", code=error.code().name, news=len(batch))
            failure = FrontLost(error.code().name)
            # What the front has of calls may be older now: it is told them anew, each as a whole.
            self._told.clear()
            self._drafted.clear()
        for _, told in batch:
            if told is None or told.done():  # whoever waited has been cancelled
                continue
            if failure is None:
                told.set_result(None)
            else:
                told.set_exception(failure)
