"""AdminService: a look inside, for whoever runs the server."""

from collections.abc import Iterable
from typing import Any, Final

import grpc

from bridge.errors import FieldViolation, InvalidRequest, Refusal
from bridge.inspection import Inspection
from bridge.ports.process import LogLevel, ProcessDump
from bridge.stacks import Stack
from bridge.v1 import admin_service_pb2 as pb
from bridge.v1 import admin_service_pb2_grpc

NAME: Final = "bridge.v1.AdminService"

_LEVELS: Final = {pb.LogLevel.Value(f"LOG_LEVEL_{level.name}"): level for level in LogLevel}

Context = grpc.aio.ServicerContext[Any, Any]


class AdminService(admin_service_pb2_grpc.AdminServiceServicer):
    """Parses, asks, converts."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection

    async def SetLogLevel(
        self, request: pb.SetLogLevelRequest, _context: Context
    ) -> pb.SetLogLevelResponse:
        level = _LEVELS.get(request.level)
        if level is None:
            raise InvalidRequest([FieldViolation("level", "required, and one of those there are")])
        previous = await self._inspection.set_log_level(level)
        return pb.SetLogLevelResponse(previous=pb.LogLevel.Value(f"LOG_LEVEL_{previous.name}"))

    async def DumpTasks(
        self, _request: pb.DumpTasksRequest, _context: Context
    ) -> pb.DumpTasksResponse:
        dumps = await self._inspection.dump()
        return pb.DumpTasksResponse(processes=[_process(*each) for each in dumps.items()])


def _process(name: str, dump: ProcessDump | Refusal) -> pb.ProcessDump:
    if isinstance(dump, Refusal):
        return pb.ProcessDump(name=name, problem=dump.message)
    return pb.ProcessDump(
        name=name, pid=dump.pid, tasks=_stacks(dump.tasks), threads=_stacks(dump.threads)
    )


def _stacks(stacks: Iterable[Stack]) -> list[pb.StackDump]:
    return [pb.StackDump(name=stack.name, frames=stack.frames) for stack in stacks]
