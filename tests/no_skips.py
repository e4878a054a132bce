"""Fails a run in which a test was skipped, where MEDIABRIDGE_NO_SKIPS asks for it: CI does.

A pytest plugin, named in pyproject.toml. Skips that are known in advance are listed here; those for
an announced reason are told at the end.
"""

import os
from typing import Final

import pytest

from tests import postgresql, prometheus

ANNOUNCED_REASONS: Final[frozenset[str]] = frozenset({postgresql.MISSING, prometheus.MISSING})
ANNOUNCED: Final[frozenset[str]] = frozenset()
"""Node ids of tests that CI may skip."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not os.environ.get("MEDIABRIDGE_NO_SKIPS"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    surprising = []
    for report in skipped:
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason in ANNOUNCED_REASONS:
            print(f"\nskipped, {reason}: {report.nodeid}", end="")
        elif report.nodeid not in ANNOUNCED:
            surprising.append(report.nodeid)
    if surprising:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskipped without notice:", *surprising, sep="\n  ")
