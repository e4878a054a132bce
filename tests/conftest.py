"""What every test is held to: nothing it began may outlive it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

# A busy machine is no failure; what hangs is caught by the timeout of every test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_LEAK_CHECK = "no_task_outlives_the_test"
# Tasks that are ending already, behind a socket's last answer, are no leak.
_LAST_STEPS_S = 2.0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and pytest_asyncio.is_async_test(item):
            # The first fixture is torn down last: behind those whose tasks are their own affair.
            item.fixturenames.insert(0, _LEAK_CHECK)


def pytest_collection_finish() -> None:
    # What is imported by now stays: looking at it again after each test would take minutes.
    gc.collect()
    gc.freeze()


@pytest.fixture
async def no_task_outlives_the_test() -> AsyncIterator[None]:
    """Fail a test that leaves a task behind. Requested for every coroutine test."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=_LAST_STEPS_S)
    assert not left, f"tasks outlive the test: {sorted(map(_described, left))}"


@pytest.fixture(autouse=True)
def nobody_else_has_configured_the_log() -> None:
    """Forget what a command under test has set up for its whole process."""
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def nothing_is_left_unclosed() -> Iterator[None]:
    """Let unclosed resources and unawaited coroutines complain in the test that left them."""
    yield
    gc.collect()


def _described(task: asyncio.Task[object]) -> str:
    return f"{task.get_name()}: {task.get_coro()!r}"
