"""Reports of live calls are left behind as they grow, whatever becomes of their hosts."""

import asyncio
from dataclasses import replace

import pytest

from bridge.calls.front.drafts import Drafts
from bridge.errors import Unavailable
from bridge.ids import ConnectionId
from bridge.ports.call import CallState, CallView
from bridge.ports.host import HostId
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes
from bridge.workers.directory import MemoryDirectory
from tests.fakes.agents import numbered
from tests.fakes.clock import FakeClock
from tests.unit.calls.rig import EPOCH


class Reporting:
    """A host, as far as drafts ask it."""

    def __init__(self, *numbers: int) -> None:
        self.reports = {view(number).connection_id: report(number) for number in numbers}
        self.is_gone = False

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        if self.is_gone:
            raise Unavailable("WORKER_LOST", "gone", 1.0)
        return self.reports.get(connection_id)


def view(number: int, host: str = "host-a") -> CallView:
    return CallView(numbered(number), host)


def report(number: int) -> CallReport:
    return CallReport(view(number), False, SetupTimes(), (), None, 0.0, MediaTotals(), ())


@pytest.fixture
async def directory() -> MemoryDirectory:
    directory = MemoryDirectory(ended_calls=10)
    for number, host in ((1, "host-a"), (2, "host-b"), (3, "host-a")):
        await directory.add(Placed(view(number, host), HostId(host), EPOCH))
    over = replace(view(3), state=CallState.ENDED)
    await directory.update(over, EPOCH)
    return directory


async def test_live_calls_are_drafted_again_and_again(directory: MemoryDirectory) -> None:
    clock, kept = FakeClock(), list[CallReport]()
    hosts = {HostId("host-a"): Reporting(1, 3), HostId("host-b"): Reporting(2)}
    async with asyncio.TaskGroup() as group:
        running = group.create_task(Drafts(directory, hosts, kept.append, clock).run())
        await clock.advance(11)
        assert kept == [report(2), report(1)]
        await clock.advance(10)
        assert len(kept) == 4
        running.cancel()


async def test_host_that_does_not_answer_costs_its_own_drafts(directory: MemoryDirectory) -> None:
    kept = list[CallReport]()
    lost = Reporting(1)
    lost.is_gone = True
    hosts = {HostId("host-a"): lost, HostId("host-b"): Reporting(2)}
    await Drafts(directory, hosts, kept.append, FakeClock()).once()
    assert kept == [report(2)]


async def test_call_that_has_just_ended_leaves_no_draft(directory: MemoryDirectory) -> None:
    kept = list[CallReport]()
    ended = Reporting()
    ended.reports[view(1).connection_id] = replace(report(1), complete=True)
    await Drafts(directory, {HostId("host-a"): ended}, kept.append, FakeClock()).once()
    assert kept == []
