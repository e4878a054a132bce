"""Counts of tenants, and that a flood of made-up ones takes no memory."""

from bridge.ids import TenantId
from bridge.tallies import Tallies

ACME, OTHER = TenantId("acme"), TenantId("other")


def test_tenants_are_counted_apart() -> None:
    tallies: Tallies[str] = Tallies()
    tallies.add(ACME, "a")
    tallies.add(ACME, "a")
    tallies.add(ACME, "b", -1)
    tallies.add(OTHER, "a")
    assert tallies.of(ACME) == {"a": 2, "b": -1}
    assert tallies.of(OTHER)["a"] == 1
    assert tallies.of(TenantId("nobody"))["a"] == 0


def test_tenant_counted_longest_ago_is_forgotten() -> None:
    tallies: Tallies[str] = Tallies(most_tenants=2)
    for tenant in (ACME, OTHER, ACME, TenantId("third")):
        tallies.add(tenant, "a")
    assert (tallies.of(ACME)["a"], tallies.of(OTHER)["a"]) == (2, 0)


def test_asking_counts_nothing() -> None:
    tallies: Tallies[str] = Tallies(most_tenants=1)
    tallies.add(ACME, "a")
    assert tallies.of(OTHER)["a"] == 0
    assert tallies.of(ACME)["a"] == 1
