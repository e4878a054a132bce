"""What tests of what is seen from outside share."""

import pytest

from tests.unit.calls.rig import World


@pytest.fixture
async def world() -> World:
    return World()
