"""Reads PromQL as Prometheus does, and says of what an expression speaks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import promql_parser as promql
from prometheus_client import Counter, Gauge, Histogram

from bridge.observe.metrics import Metrics

_FOREIGN = {
    # Prometheus's own, and Python's client's.
    **dict.fromkeys(("up", "process_open_fds", "process_max_fds"), frozenset[str]()),
    **dict.fromkeys(
        ("process_resident_memory_bytes", "process_start_time_seconds"), frozenset[str]()
    ),
    "mediabridge_build_info": frozenset({"version"}),
}
# Put on by whoever scrapes.
_TARGET = frozenset({"job", "instance"})
# What Grafana puts in before it asks.
_VARIABLES = {"$__rate_interval": "5m", "$job": "x", "$instance": "x"}


def series() -> dict[str, frozenset[str]]:
    """Return the labels of every series that can be asked for, by its name."""
    found = dict(_FOREIGN)
    for metric in vars(Metrics("1")).values():
        match metric:
            case Counter():
                found[f"{metric._name}_total"] = frozenset(metric._labelnames)
            case Gauge():
                found[metric._name] = frozenset(metric._labelnames)
            case Histogram():
                labels = frozenset(metric._labelnames)
                found |= {f"{metric._name}_{part}": labels for part in ("count", "sum")}
                found[f"{metric._name}_bucket"] = labels | {"le"}
            case _:
                pass
    return found


@dataclass(slots=True)
class Query:
    """An expression, with what it asks for."""

    names: set[str] = field(default_factory=set)
    matched: set[tuple[str, str, str]] = field(default_factory=set)
    """Metric, label, and the words that its value may be, joined by `|`."""
    grouped: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, expression: str) -> "Query":
        """
        :raises ValueError: it is no PromQL.
        """
        for variable, value in _VARIABLES.items():
            expression = expression.replace(variable, value)
        query = cls()
        promql.walk(promql.parse(expression), pre_visit=query._visit)
        return query

    @property
    def labels(self) -> set[tuple[str, str]]:
        return {(metric, label) for metric, label, _ in self.matched}

    def words(self) -> Iterator[tuple[str, str]]:
        """Yield label and value of all that is matched by whole words."""
        for _, label, value in self.matched:
            for word in value.split("|"):
                if re.fullmatch(r"\w+", word):
                    yield label, word

    def _visit(self, node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            assert node.name is not None
            self.names.add(node.name)
            for matcher in node.matchers.matchers:
                self.matched.add((node.name, matcher.name, matcher.value))
        elif isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            self.grouped.update(node.modifier.labels)


def unknown(query: Query) -> set[str]:
    """Return what the query asks for that nobody tells."""
    known = series()
    wrong = query.names - known.keys()
    if wrong:
        return wrong
    wrong = {
        f"{metric}.{label}"
        for metric, label in query.labels
        if label not in known[metric] | _TARGET
    }
    told = _TARGET.union(*(known[name] for name in query.names))
    return wrong | (query.grouped - told)
