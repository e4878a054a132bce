"""What every Placer and Membership does, wherever it keeps its slots.

A further adapter joins by a parameter of `placement`.
"""

import asyncio
from typing import Protocol

import pytest

from bridge.ids import ConnectionId, TenantId
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import (
    Existing,
    Full,
    KeyReused,
    Membership,
    OverQuota,
    Placer,
    Quota,
    RequestKey,
    Reservation,
)
from bridge.workers.placer import LEASE_S, RESERVATION_S, MemoryPlacer
from tests.fakes.clock import FakeClock

A, B = HostId("host-a"), HostId("host-b")
FIRST, SECOND = Epoch(1), Epoch(2)


class Placement(Placer, Membership, Protocol):
    """Both, over one state."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory"])
async def placement(request: pytest.FixtureRequest, clock: FakeClock) -> Placement:
    assert request.param == "memory"
    return MemoryPlacer(clock, remembered_requests=100)


def call(number: int) -> ConnectionId:
    return ConnectionId(f"call-{number}")


def key(request_id: str, body: bytes = b"", tenant: str = "acme") -> RequestKey:
    return RequestKey(TenantId(tenant), request_id, body)


async def take(placement: Placement, number: int) -> Reservation | Full:
    outcome = await placement.reserve(call(number), None)
    assert isinstance(outcome, Reservation | Full)
    return outcome


async def fill(placement: Placement, count: int) -> list[Reservation | Full]:
    return [await take(placement, number) for number in range(count)]


async def test_without_hosts_there_is_no_slot(placement: Placement) -> None:
    assert await take(placement, 1) == Full()


async def test_reservation_names_the_host_and_its_life(placement: Placement) -> None:
    await placement.heartbeat(A, SECOND, 1)
    assert await take(placement, 1) == Reservation(A, SECOND)


@pytest.mark.parametrize("slots", [0, 1, 3])
async def test_slots_are_exact_however_many_ask_at_once(placement: Placement, slots: int) -> None:
    await placement.heartbeat(A, FIRST, slots)
    outcomes = await asyncio.gather(*(take(placement, number) for number in range(slots + 3)))
    assert outcomes.count(Reservation(A, FIRST)) == slots
    assert outcomes.count(Full()) == 3


async def test_calls_are_spread_over_hosts(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 2)
    await placement.heartbeat(B, FIRST, 2)
    outcomes = await fill(placement, 5)
    assert outcomes.count(Reservation(A, FIRST)) == outcomes.count(Reservation(B, FIRST)) == 2
    assert outcomes.count(Full()) == 1


async def test_released_slot_can_be_taken_again_once(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await take(placement, 1)
    await placement.confirm(call(1))
    for _ in range(3):
        await placement.release(call(1), forget_request=False)
    assert isinstance(await take(placement, 2), Reservation)
    assert await take(placement, 3) == Full()


async def test_released_reservation_is_free_at_once(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await take(placement, 1)
    await placement.release(call(1), forget_request=True)
    assert isinstance(await take(placement, 2), Reservation)


async def test_releasing_an_unknown_call_is_no_error(placement: Placement) -> None:
    await placement.release(call(9), forget_request=True)
    await placement.confirm(call(9))


async def test_reservation_lapses_and_placement_does_not(
    placement: Placement, clock: FakeClock
) -> None:
    await placement.heartbeat(A, FIRST, 2)
    await fill(placement, 2)
    await placement.confirm(call(0))
    await clock.advance(RESERVATION_S)
    await placement.heartbeat(A, FIRST, 2)
    assert isinstance(await take(placement, 3), Reservation)
    assert await take(placement, 4) == Full()


async def test_silent_host_gets_no_calls(placement: Placement, clock: FakeClock) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await clock.advance(LEASE_S)
    assert await take(placement, 1) == Full()
    await placement.heartbeat(A, FIRST, 1)
    assert isinstance(await take(placement, 2), Reservation)


async def test_reaping_tells_of_a_silent_host_s_calls_once(
    placement: Placement, clock: FakeClock
) -> None:
    await placement.heartbeat(A, FIRST, 2)
    await placement.heartbeat(B, FIRST, 0)
    await fill(placement, 2)
    await placement.confirm(call(0))
    assert list(await placement.reap()) == []
    await clock.advance(LEASE_S)
    await placement.heartbeat(B, FIRST, 0)
    assert list(await placement.reap()) == [call(0)]
    assert list(await placement.reap()) == []


async def test_new_life_of_a_host_has_all_its_slots_and_its_old_calls_are_lost(
    placement: Placement,
) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await take(placement, 1)
    await placement.confirm(call(1))
    await placement.heartbeat(A, SECOND, 1)
    assert await take(placement, 2) == Reservation(A, SECOND)
    assert list(await placement.reap()) == [call(1)]


async def test_late_word_of_an_earlier_life_changes_nothing(placement: Placement) -> None:
    await placement.heartbeat(A, SECOND, 1)
    await placement.heartbeat(A, FIRST, 50)
    assert await fill(placement, 2) == [Reservation(A, SECOND), Full()]


async def test_release_by_an_earlier_life_frees_no_slot_of_the_new_one(
    placement: Placement,
) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await take(placement, 1)
    await placement.confirm(call(1))
    await placement.heartbeat(A, SECOND, 1)
    await take(placement, 2)
    await placement.release(call(1), forget_request=False)
    assert await take(placement, 3) == Full()


async def test_host_may_change_how_many_slots_it_has(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 2)
    await fill(placement, 2)
    await placement.heartbeat(A, FIRST, 1)
    await placement.release(call(0), forget_request=False)
    assert await take(placement, 3) == Full()
    await placement.heartbeat(A, FIRST, 2)
    assert isinstance(await take(placement, 4), Reservation)


async def test_same_request_is_the_same_call(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 5)
    await placement.reserve(call(1), key("r"))
    assert await placement.reserve(call(2), key("r")) == Existing(call(1))
    await placement.confirm(call(1))
    await placement.release(call(1), forget_request=False)
    assert await placement.reserve(call(3), key("r")) == Existing(call(1)), "also behind its end"


async def test_same_request_needs_no_slot(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 1)
    await placement.reserve(call(1), key("r"))
    assert await placement.reserve(call(2), key("r")) == Existing(call(1))


async def test_request_id_of_another_request_is_refused(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 5)
    await placement.reserve(call(1), key("r", b"one"))
    assert await placement.reserve(call(2), key("r", b"two")) == KeyReused()


async def test_request_ids_are_a_tenant_s_own(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 5)
    await placement.reserve(call(1), key("r"))
    other = await placement.reserve(call(2), key("r", tenant="other"))
    assert isinstance(other, Reservation)


async def test_request_of_a_call_that_never_began_is_forgotten(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 5)
    await placement.reserve(call(1), key("r", b"one"))
    await placement.release(call(1), forget_request=True)
    assert isinstance(await placement.reserve(call(2), key("r", b"two")), Reservation)


async def test_request_that_finds_no_slot_is_not_remembered(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 0)
    assert await placement.reserve(call(1), key("r", b"one")) == Full()
    await placement.heartbeat(A, FIRST, 1)
    assert isinstance(await placement.reserve(call(2), key("r", b"two")), Reservation)


async def test_simultaneous_requests_of_one_id_are_one_call(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, 5)
    outcomes = await asyncio.gather(
        *(placement.reserve(call(number), key("r")) for number in range(4))
    )
    (winner,) = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Reservation)]
    assert outcomes.count(Existing(call(winner))) == 3


def quota(calls: int | None = None, rate: int | None = None, *, holder: str = "acme") -> Quota:
    return Quota("tenant", holder, calls, rate)


async def ask(placement: Placement, number: int, *quotas: Quota) -> object:
    return await placement.reserve(call(number), None, quotas)


async def test_quota_is_exact_however_many_ask_at_once(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    outcomes = await asyncio.gather(*(ask(placement, number, quota(3)) for number in range(20)))
    assert sum(isinstance(outcome, Reservation) for outcome in outcomes) == 3
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Reservation)]
    assert refused == [OverQuota("calls_per_tenant", 3)] * 17


async def test_quota_is_everybodys_own(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    assert isinstance(await ask(placement, 1, quota(1)), Reservation)
    assert isinstance(await ask(placement, 2, quota(1, holder="other")), Reservation)
    as_key = Quota("key", "acme", 1)
    assert isinstance(await ask(placement, 3, as_key), Reservation)
    assert await ask(placement, 4, quota(5, holder="third"), as_key) == OverQuota(
        "calls_per_key", 1
    )
    # What was refused for the one took nothing from the other.
    assert isinstance(await ask(placement, 5, quota(1, holder="third")), Reservation)


@pytest.mark.parametrize("began", [True, False])
async def test_call_gives_its_quota_back(placement: Placement, *, began: bool) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    await ask(placement, 1, quota(1))
    if began:
        await placement.confirm(call(1))
    assert isinstance(await ask(placement, 2, quota(1)), OverQuota)
    for _ in range(2):
        await placement.release(call(1), forget_request=not began)
    assert isinstance(await ask(placement, 2, quota(1)), Reservation)
    assert isinstance(await ask(placement, 3, quota(1)), OverQuota)


async def test_reservation_that_lapsed_gives_its_quota_back_unless_it_lives(
    placement: Placement, clock: FakeClock
) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    await ask(placement, 1, quota(1))
    await clock.advance(RESERVATION_S)
    await placement.heartbeat(A, FIRST, slots=50)
    assert isinstance(await ask(placement, 2, quota(1)), Reservation)
    await placement.confirm(call(1))
    await placement.release(call(2), forget_request=True)
    assert isinstance(await ask(placement, 3, quota(1)), OverQuota)
    await placement.release(call(1), forget_request=False)
    assert isinstance(await ask(placement, 3, quota(1)), Reservation)


async def test_calls_of_a_host_that_is_given_up_count_no_more(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    await ask(placement, 1, quota(2))
    await placement.confirm(call(1))
    await ask(placement, 2, quota(2))
    await placement.heartbeat(A, SECOND, slots=50)
    outcomes = [await ask(placement, number, quota(2)) for number in (3, 4, 5)]
    assert [isinstance(outcome, Reservation) for outcome in outcomes] == [True, True, False]


async def test_no_more_calls_begin_in_any_minute_than_may(
    placement: Placement, clock: FakeClock
) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    await ask(placement, 1, quota(rate=2))
    await clock.advance(5)
    await ask(placement, 2, quota(rate=2))
    await placement.release(call(1), forget_request=False)
    await placement.release(call(2), forget_request=False)
    limit = "creations_per_minute_per_tenant"
    assert await ask(placement, 3, quota(rate=2)) == OverQuota(limit, 2, 55.0)
    await clock.advance(54.9)
    await placement.heartbeat(A, FIRST, slots=50)
    assert isinstance(await ask(placement, 3, quota(rate=2)), OverQuota)
    await clock.advance(0.1)
    assert isinstance(await ask(placement, 3, quota(rate=2)), Reservation)
    assert await ask(placement, 4, quota(rate=2)) == OverQuota(limit, 2, 5.0)


async def test_call_that_never_began_is_none_of_the_minutes(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    await ask(placement, 1, quota(rate=1))
    await placement.release(call(1), forget_request=True)
    assert isinstance(await ask(placement, 2, quota(rate=1)), Reservation)
    assert isinstance(await ask(placement, 3, quota(rate=1)), OverQuota)


async def test_retry_takes_nothing_of_a_quota(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=50)
    quotas = (quota(1, 1),)
    assert isinstance(await placement.reserve(call(1), key("r"), quotas), Reservation)
    assert await placement.reserve(call(2), key("r"), quotas) == Existing(call(1))
    assert isinstance(await placement.reserve(call(2), key("s"), quotas), OverQuota)
    # What was refused was no request: it may be made again.
    await placement.release(call(1), forget_request=True)
    assert isinstance(await placement.reserve(call(2), key("s"), quotas), Reservation)


async def test_full_house_takes_nothing_of_a_quota(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=0)
    assert isinstance(await ask(placement, 1, quota(1, 1)), Full)
    await placement.heartbeat(A, FIRST, slots=1)
    assert isinstance(await ask(placement, 1, quota(1, 1)), Reservation)


async def test_quota_of_nothing_lets_nothing_begin(placement: Placement) -> None:
    await placement.heartbeat(A, FIRST, slots=1)
    assert await ask(placement, 1, quota(0)) == OverQuota("calls_per_tenant", 0)
    refused = await ask(placement, 1, quota(rate=0))
    assert refused == OverQuota("creations_per_minute_per_tenant", 0, 60.0)
