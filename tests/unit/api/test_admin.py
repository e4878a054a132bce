"""A look inside: what it shows, what it changes, and who may have it."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from structlog.testing import capture_logs

from bridge import logs
from bridge.access.principal import Scope
from bridge.errors import Unavailable
from bridge.inspection import Inspection
from bridge.ports.process import LogLevel
from bridge.v1 import admin_service_pb2 as pb
from tests.fakes.process import FakeProcess
from tests.unit.api.keyed import EVERY_SCOPE, keyed
from tests.unit.api.rig import reason_of, refused, serving, wrong_fields_of

GONE = Unavailable("WORKER_LOST", "the call's worker does not answer", 1.0)


@pytest.fixture(autouse=True)
def log_is_as_it_was() -> Iterator[None]:
    """Undo what a test does to the log of its whole process."""
    root = logging.getLogger()
    before, handlers = root.level, list(root.handlers)
    logs.configure("info", "json")
    root.handlers[:] = handlers
    yield
    root.setLevel(before)


class Inspected:
    """Two processes and how much those that come later are to log."""

    def __init__(self, worker: FakeProcess | None = None) -> None:
        self.front, self.worker = FakeProcess(1), worker or FakeProcess(2)
        self.remembered: list[LogLevel] = []
        self.inspection = Inspection(
            lambda: {"front": self.front, "h/worker-0.1": self.worker}, self.remembered.append
        )


async def test_tasks_and_threads_are_shown_by_process() -> None:
    inspected = Inspected()
    async with serving(inspection=inspected.inspection) as api:
        dumped = await api.admin.DumpTasks(pb.DumpTasksRequest())
    assert [(one.name, one.pid) for one in dumped.processes] == [("front", 1), ("h/worker-0.1", 2)]
    (task,) = dumped.processes[1].tasks
    assert (task.name, list(task.frames)) == ("call call-1", ["call.py:1 Call.run"])
    assert [thread.name for thread in dumped.processes[0].threads] == ["MainThread"]


async def test_a_worker_that_does_not_answer_hides_nobody_else() -> None:
    inspected = Inspected(FakeProcess(refusal=GONE))
    async with serving(inspection=inspected.inspection) as api:
        dumped = await api.admin.DumpTasks(pb.DumpTasksRequest())
    front, worker = dumped.processes
    assert front.tasks
    assert worker.problem == GONE.message
    assert not worker.tasks


async def test_a_log_level_is_everybody_s_and_that_of_who_comes_later() -> None:
    inspected = Inspected()
    async with serving(inspection=inspected.inspection) as api:
        request = pb.SetLogLevelRequest(level=pb.LOG_LEVEL_DEBUG)
        answer = await api.admin.SetLogLevel(request)
    assert answer.previous == pb.LOG_LEVEL_INFO
    assert inspected.front.levels == inspected.worker.levels == [LogLevel.DEBUG]
    assert inspected.remembered == [LogLevel.DEBUG]


async def test_a_worker_that_does_not_answer_is_told_and_the_others_log_as_asked() -> None:
    inspected = Inspected(FakeProcess(refusal=GONE))
    async with serving(inspection=inspected.inspection) as api:
        request = pb.SetLogLevelRequest(level=pb.LOG_LEVEL_ERROR)
        error = await refused(api.admin.SetLogLevel(request))
    assert (error.code(), reason_of(error)) == (grpc.StatusCode.UNAVAILABLE, "WORKER_LOST")
    assert inspected.front.levels == [LogLevel.ERROR]


@pytest.mark.parametrize("level", [pb.LOG_LEVEL_UNSPECIFIED, 99])
async def test_a_level_that_there_is_not_is_refused_by_name(level: int) -> None:
    inspected = Inspected()
    async with serving(inspection=inspected.inspection) as api:
        error = await refused(api.admin.SetLogLevel(pb.SetLogLevelRequest(level=level)))  # type: ignore[arg-type]
    assert wrong_fields_of(error) == ["level"]
    assert inspected.front.levels == []


async def test_it_is_nothing_for_an_admin_of_one_tenant(tmp_path: Path) -> None:
    async with keyed(tmp_path) as server:
        bound = await server.key("acme", scopes=[Scope.ADMIN])
        free = await server.key(None, scopes=[Scope.ADMIN])
        ask = server.api.admin.DumpTasks
        error = await refused(ask(pb.DumpTasksRequest(), metadata=bound))
        assert (error.code(), reason_of(error)) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "TENANT_BOUND",
        )
        await ask(pb.DumpTasksRequest(), metadata=free)


async def test_grpc_tells_an_admin_of_its_connections_and_a_tenant_nothing(
    tmp_path: Path,
) -> None:
    async with keyed(tmp_path) as server:
        connections: Any = channelz_pb2_grpc.ChannelzStub(server.api.channel)
        ask = connections.GetServers
        free = await server.key(None, scopes=[Scope.ADMIN])
        (seen, *_) = (await ask(channelz_pb2.GetServersRequest(), metadata=free)).server
        assert seen.data.calls_started > 0
        for scopes, tenant in (({Scope.ADMIN}, "acme"), (EVERY_SCOPE, None)):
            other = await server.key(tenant, scopes=scopes)
            error = await refused(ask(channelz_pb2.GetServersRequest(), metadata=other))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_what_all_are_at_is_logged_when_that_is_asked_for() -> None:
    inspected = Inspected(FakeProcess(refusal=GONE))
    with capture_logs() as lines:
        async with asyncio.TaskGroup() as group:
            logging_it = group.create_task(inspected.inspection.keep_logging())
            await asyncio.sleep(0)
            inspected.inspection.ask_for_log()
            for _ in range(10):
                await asyncio.sleep(0)
            logging_it.cancel()
    (task,) = [line for line in lines if line["event"] == "task"]
    assert (task["process"], task["name"], task["pid"]) == ("front", "call call-1", 1)
    assert task["frames"] == ("call.py:1 Call.run",)
    (silent,) = [line for line in lines if "does not say" in line["event"]]
    assert silent["process"] == "h/worker-0.1"
