"""What does a front do with what its workers tell it? Keeps it, where its own calls would."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

import grpc

from bridge.errors import ModelError
from bridge.ids import ConnectionId, TenantId
from bridge.messages.values import decode, encode
from bridge.ports.budget import SpendingSink, Spent
from bridge.ports.call import CallView
from bridge.ports.host import Epoch, HostId, HostStatus
from bridge.ports.model import ModelKeys
from bridge.ports.placement import Directory, Placer
from bridge.ports.report import CallReport
from bridge.ports.store import EventArchive, LoggedEvent, Store
from bridge.ports.tool import ToolCallId, ToolExecutors, ToolInvocation, ToolOutcome, ToolSpec
from bridge.workers.tool_calls import ToolCalls
from bridge.workers.v1 import workers_service_pb2 as pb
from bridge.workers.v1 import workers_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class HeardHost(Protocol):
    """A host as its worker tells of it."""

    def saw(self, view: CallView) -> None: ...

    def progressed(self, connection_id: ConnectionId, changes: bytes) -> None: ...

    def told(self, connection_id: ConnectionId) -> CallView | None:
        """Return a call as it was told last; None: it has not been, or it is over."""
        ...

    def drafted(self, connection_id: ConnectionId, report: bytes) -> None: ...


class KnownWorker(Protocol):
    """A worker of this front's, by its present life."""

    @property
    def epoch(self) -> Epoch: ...

    @property
    def host(self) -> HeardHost: ...

    async def beat(self, status: HostStatus, load: float, memory_bytes: int) -> None: ...


class FrontService(workers_service_pb2_grpc.FrontServiceServicer):
    """Takes from workers that are known; whatever else calls is an earlier life, and is refused."""

    def __init__(
        self,
        workers: Mapping[HostId, KnownWorker],
        *,
        archive: EventArchive,
        directory: Directory,
        store: Store,
        placer: Placer,
        tools: ToolExecutors,
        spending: SpendingSink,
        keys: ModelKeys,
    ) -> None:
        self._workers = workers
        self._archive = archive
        self._directory = directory
        self._store = store
        self._placer = placer
        self._tools = ToolCalls(tools)
        self._spending = spending
        self._keys = keys

    async def Beat(self, request: pb.BeatRequest, context: Context) -> pb.BeatResponse:
        worker = await self._known(request, context)
        status: HostStatus = decode(HostStatus, request.status)
        await worker.beat(status, request.load, request.memory_bytes)
        return pb.BeatResponse()

    async def Tell(self, request: pb.TellRequest, context: Context) -> pb.TellResponse:
        worker = await self._known(request, context)
        for news in request.news:
            await self._take(news, worker)
        return pb.TellResponse()

    async def ExecuteTool(
        self, request: pb.ExecuteToolRequest, context: Context
    ) -> pb.ExecuteToolResponse:
        tool: ToolSpec = decode(ToolSpec, request.tool)
        invocation: ToolInvocation = decode(ToolInvocation, request.invocation)
        outcome = await self._tools.execute(tool, invocation)
        if outcome is None:
            await context.abort(grpc.StatusCode.CANCELLED, "stopped")
        return pb.ExecuteToolResponse(outcome=encode(outcome, ToolOutcome))

    async def StopTool(self, request: pb.StopToolRequest, _context: Context) -> pb.StopToolResponse:
        await self._tools.stop(
            ConnectionId(request.connection_id), ToolCallId(request.tool_call_id), request.reason
        )
        return pb.StopToolResponse()

    async def RecordSpending(
        self, request: pb.RecordSpendingRequest, context: Context
    ) -> pb.RecordSpendingResponse:
        await self._known(request, context)
        total = await self._spending.record(
            TenantId(request.tenant_id),
            date.fromisoformat(request.day),
            ConnectionId(request.connection_id),
            decode(Spent, request.spent),
        )
        return pb.RecordSpendingResponse(spent=encode(total))

    async def MintModelKey(
        self, request: pb.MintModelKeyRequest, context: Context
    ) -> pb.MintModelKeyResponse:
        await self._known(request, context)
        user = request.safety_identifier if request.HasField("safety_identifier") else None
        try:
            key = await self._keys.key_for(request.model, user)
        except ModelError as error:
            failed = pb.ModelFailed(failure=error.failure.name, detail=error.detail)
            return pb.MintModelKeyResponse(failed=failed)
        return pb.MintModelKeyResponse(key=key)

    async def _known(
        self,
        request: (
            pb.BeatRequest | pb.TellRequest | pb.RecordSpendingRequest | pb.MintModelKeyRequest
        ),
        context: Context,
    ) -> KnownWorker:
        worker = self._workers.get(HostId(request.host_id))
        if worker is None or worker.epoch != request.epoch:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not a worker of this front")
        return worker

    async def _take(self, news: pb.News, worker: KnownWorker) -> None:
        match news.WhichOneof("kind"):
            case "event":
                await self._archive.keep(_logged(news.event))
            case "view":
                await self._update(decode(CallView, news.view), worker)
            case "progress":
                await self._progress(news.progress, worker)
            case "report":
                await self._store.save(decode(CallReport, news.report))
            case "draft":
                worker.host.drafted(ConnectionId(news.draft.connection_id), news.draft.report)
            case "confirmed":
                await self._placer.confirm(ConnectionId(news.confirmed))
            case "released":
                await self._placer.release(ConnectionId(news.released), forget_request=False)
            case "abandoned":
                abandoned = ConnectionId(news.abandoned)
                await self._directory.remove(abandoned)
                await self._placer.release(abandoned, forget_request=True)
            case None:
                pass

    async def _progress(self, progress: pb.Progress, worker: KnownWorker) -> None:
        connection_id = ConnectionId(progress.connection_id)
        worker.host.progressed(connection_id, progress.changes)
        if not progress.only_details:
            view = worker.host.told(connection_id)
            if view is not None:  # or else its end has been told already
                await self._update(view, worker)

    async def _update(self, view: CallView, worker: KnownWorker) -> None:
        worker.host.saw(view)
        await self._directory.update(view, worker.epoch)


def _logged(event: pb.Event) -> LoggedEvent:
    return LoggedEvent(
        ConnectionId(event.connection_id), event.sequence, event.is_last, event.payload
    )
