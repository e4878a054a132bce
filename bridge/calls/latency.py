"""A distribution in a few numbers."""

from collections.abc import Iterable
from math import ceil

from bridge.ports.report import LatencySummary


def summarise(values_s: Iterable[float]) -> LatencySummary | None:
    """Return the distribution of `values_s` by nearest rank; None where there are no values."""
    ranked = sorted(values_s)
    if not ranked:
        return None

    def rank(share: float) -> float:
        return ranked[max(0, ceil(share * len(ranked)) - 1)]

    return LatencySummary(
        count=len(ranked),
        min_s=ranked[0],
        p50_s=rank(0.50),
        p90_s=rank(0.90),
        p95_s=rank(0.95),
        p99_s=rank(0.99),
        max_s=ranked[-1],
    )
