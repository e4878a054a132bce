"""Does a watcher see each event once, whatever happens to the stream?"""

import random
from contextlib import aclosing

import grpc
import pytest

from bridge.client import (
    Backoff,
    BridgeClient,
    NotFoundError,
    OutOfRangeError,
    UnauthenticatedError,
    UnavailableError,
)
from bridge.client.watching import resumed
from bridge.v1.event_pb2 import CallEvent
from tests.unit.client.fake_bridge import (
    FakeBridge,
    Refuse,
    ended,
    error_info,
    event,
    retry_info,
    serving,
)

LAPSED = Refuse(grpc.StatusCode.UNAUTHENTICATED, "no longer", [error_info("CREDENTIALS_LAPSED")])
EXPIRED = Refuse(grpc.StatusCode.UNAUTHENTICATED, "expired", [error_info("TOKEN_EXPIRED")])
LOST = Refuse(grpc.StatusCode.UNAVAILABLE, "lost")


async def sequences(bridge: BridgeClient, after: int = 0) -> list[int]:
    return [each.sequence async for each in bridge.watch("call-1", after)]


async def test_a_watch_ends_behind_ended(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.streams = [[event(1), event(2), ended(3), event(4)]]
    assert await sequences(bridge) == [1, 2, 3]


async def test_a_broken_watch_goes_on_behind_the_last_event(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.streams = [[event(1), event(2), LOST], [LOST], [event(3), LOST], [ended(4)]]
    assert await sequences(bridge) == [1, 2, 3, 4]
    assert [request.after_sequence for request in fake.requests] == [0, 2, 2, 3]


async def test_a_watch_whose_token_expires_goes_on_with_the_next_one(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.streams = [[event(1), LAPSED], [ended(2)]]
    assert await sequences(bridge) == [1, 2]


async def test_a_watch_whose_next_token_is_no_good_either_ends(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.streams = [[event(1), LAPSED], [EXPIRED]]
    with pytest.raises(UnauthenticatedError):
        await sequences(bridge)
    assert len(fake.requests) == 2


async def test_an_event_sent_twice_is_seen_once(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.streams = [[event(1), event(2), LOST], [event(1), event(2), ended(3)]]
    assert await sequences(bridge) == [1, 2, 3]


async def test_a_watch_begins_where_it_is_told(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.streams = [[event(8), ended(9)]]
    assert await sequences(bridge, after=7) == [8, 9]
    assert fake.requests[0].after_sequence == 7


async def test_a_watch_of_what_has_ended_before_is_empty(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    fake.streams = [[]]
    assert await sequences(bridge, after=9) == []
    assert len(fake.requests) == 1


async def test_a_server_that_stays_away_is_given_up(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.streams = [[LOST]]
    with pytest.raises(UnavailableError):
        await sequences(bridge)
    assert len(fake.requests) == 4  # the first try, and three more


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, OutOfRangeError),
        (grpc.StatusCode.NOT_FOUND, NotFoundError),
    ],
)
async def test_a_refused_watch_is_not_tried_again(
    bridge: BridgeClient, fake: FakeBridge, code: grpc.StatusCode, kind: type[Exception]
) -> None:
    fake.streams = [[event(1), Refuse(code)]]
    with pytest.raises(kind):
        await sequences(bridge)
    assert len(fake.requests) == 1


async def test_leaving_a_watch_ends_its_stream(bridge: BridgeClient, fake: FakeBridge) -> None:
    fake.streams = [[event(number) for number in range(1, 100_000)]]
    async with aclosing(bridge.watch("call-1")) as events:
        async for each in events:
            if each.sequence == 3:
                break
    await fake.stream_ended.wait()


async def test_the_wait_grows_up_to_its_longest_and_starts_again() -> None:
    waits: list[float] = []
    opened: list[int] = []

    async def open_stream(after: int):  # type: ignore[no-untyped-def] # noqa: ANN202
        opened.append(after)
        if len(opened) == 5:
            yield CallEvent(sequence=1)
        if len(opened) == 7:
            yield ended(2)
            return
        raise UnavailableError(grpc.StatusCode.UNAVAILABLE, "lost")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    backoff = Backoff(first_s=1.0, factor=2.0, longest_s=5.0, jitter=0.0)
    seen = [each.sequence async for each in resumed(open_stream, 0, backoff, sleep)]
    assert seen == [1, 2]
    assert waits == [1.0, 2.0, 4.0, 5.0, 1.0, 2.0]


async def test_the_server_may_ask_for_a_longer_wait(fake: FakeBridge) -> None:
    lost = Refuse(grpc.StatusCode.UNAVAILABLE, "draining", [retry_info(7)])
    fake.streams = [[lost], [ended(1)]]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with serving(fake) as target, BridgeClient(target, sleep=sleep) as bridge:
        assert await sequences(bridge) == [1]
    assert waits == [7.0]


def test_jitter_only_shortens() -> None:
    random.seed(1)
    backoff = Backoff(first_s=1.0, jitter=0.2)
    delays = [backoff.delay_s(0) for _ in range(100)]
    assert 0.8 <= min(delays) < max(delays) <= 1.0
