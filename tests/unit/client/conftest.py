"""A fake bridge, and a client that speaks to it."""

from collections.abc import AsyncIterator

import pytest

from bridge.client import Backoff, BridgeClient
from tests.unit.client.fake_bridge import FakeBridge, serving

# No test waits for a server to come back.
AT_ONCE = Backoff(first_s=0.0, longest_s=0.0, attempts=3)


@pytest.fixture
def fake() -> FakeBridge:
    return FakeBridge()


@pytest.fixture
async def bridge(fake: FakeBridge) -> AsyncIterator[BridgeClient]:
    async with serving(fake) as target, BridgeClient(target, backoff=AT_ONCE) as client:
        yield client
