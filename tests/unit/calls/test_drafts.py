"""Reports of live calls are left behind as they grow, whatever becomes of their hosts."""

import asyncio
from dataclasses import replace

from bridge.calls.front.drafts import DraftingHost, Drafts
from bridge.ports.call import CallView
from bridge.ports.host import HostId
from bridge.ports.report import CallReport, MediaTotals, SetupTimes
from tests.fakes.agents import numbered
from tests.fakes.clock import FakeClock


class Reporting:
    """A host, as far as drafts ask it."""

    def __init__(self, *reports: CallReport) -> None:
        self._reports = reports

    def drafts(self) -> list[CallReport]:
        return list(self._reports)


def report(number: int) -> CallReport:
    view = CallView(numbered(number), "host-a")
    return CallReport(view, False, SetupTimes(), (), None, 0.0, MediaTotals(), ())


async def test_live_calls_are_drafted_again_and_again() -> None:
    clock, kept = FakeClock(), list[CallReport]()
    hosts: dict[HostId, DraftingHost] = {
        HostId("host-a"): Reporting(report(1), report(3)),
        HostId("host-b"): Reporting(report(2)),
    }
    async with asyncio.TaskGroup() as group:
        running = group.create_task(Drafts(hosts, kept.append, clock).run())
        await clock.advance(11)
        assert kept == [report(1), report(3), report(2)]
        del hosts[HostId("host-a")]
        await clock.advance(10)
        assert kept[3:] == [report(2)]
        running.cancel()


class Broken:
    """A host that cannot tell."""

    def drafts(self) -> list[CallReport]:
        raise ValueError("no report")


async def test_host_that_cannot_tell_costs_its_own_drafts() -> None:
    kept = list[CallReport]()
    hosts: dict[HostId, DraftingHost] = {
        HostId("host-a"): Broken(),
        HostId("host-b"): Reporting(report(2)),
    }
    await Drafts(hosts, kept.append, FakeClock()).once()
    assert kept == [report(2)]


async def test_call_that_has_just_ended_leaves_no_draft() -> None:
    kept = list[CallReport]()
    ended = Reporting(replace(report(1), complete=True))
    await Drafts({HostId("host-a"): ended}, kept.append, FakeClock()).once()
    assert kept == []
