"""What every test of the model adapter is held to."""

import asyncio
from collections.abc import AsyncIterator

import pytest


@pytest.fixture
async def leaves_no_task() -> AsyncIterator[None]:
    """Fail a test after which a task lives on."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}
