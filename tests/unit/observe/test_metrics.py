"""What every metric is held to."""

import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from bridge.observe.metrics import PREFIX, Metrics

OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"
OURS = [one for one in vars(Metrics("1")).values() if isinstance(one, Counter | Gauge | Histogram)]
BASE_UNITS = ("_seconds", "_bytes", "_ratio")
OTHER_UNITS = ("_ms", "_milliseconds", "_percent", "_kb", "_mb", "_minutes")
# Whoever makes these up can make up as many as they like.
UNBOUNDED = {"tenant", "tenant_id", "connection_id", "call", "room", "key", "agent", "host"}


def test_names_follow_the_convention() -> None:
    assert len(OURS) > 30
    for metric in OURS:
        assert re.fullmatch(r"mediabridge_[a-z][a-z_]*[a-z]", metric._name)
        assert not metric._name.endswith((*OTHER_UNITS, "_total", "_count", "_sum", "_bucket"))
        if isinstance(metric, Histogram):
            assert metric._name.endswith(BASE_UNITS)


def test_each_says_what_it_is() -> None:
    for metric in OURS:
        assert metric._documentation.endswith(".")


def test_no_label_grows_with_callers_or_tenants() -> None:
    for metric in OURS:
        assert UNBOUNDED.isdisjoint(metric._labelnames)


def rows() -> list[str]:
    """Return the table of docs/operations.md, as the code has it."""
    found = []
    for metric in OURS:
        name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        found.append(f"| `{name}` | {metric._type} | {labels} | {metric._documentation} |")
    return found


def test_the_documentation_lists_them_as_they_are() -> None:
    listed = [
        line for line in OPERATIONS.read_text().splitlines() if line.startswith(f"| `{PREFIX}_")
    ]
    assert listed == rows()
