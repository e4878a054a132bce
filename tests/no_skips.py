"""Fails a run in which a test was skipped, where MEDIABRIDGE_NO_SKIPS asks for it: CI does.

A pytest plugin, named in pyproject.toml. Skips that are known in advance are listed here.
"""

import os
from typing import Final

import pytest

ANNOUNCED: Final[frozenset[str]] = frozenset()
"""Node ids of tests that CI may skip."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not os.environ.get("MEDIABRIDGE_NO_SKIPS"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    surprising = [report.nodeid for report in skipped if report.nodeid not in ANNOUNCED]
    if surprising:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskipped without notice:", *surprising, sep="\n  ")
