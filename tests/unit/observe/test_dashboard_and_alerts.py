"""Do dashboard and alerts ask for what there is, and do people find what to do about them?"""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.observe.rpc_metrics import REFUSALS
from bridge.ports.call import CallState, EndReason, Fault
from bridge.ports.tool import ToolStatus
from tests.unit.observe.promql import Query, series, unknown

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy/grafana/mediabridge.json").read_text())
GROUPS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
OPERATIONS = (ROOT / "docs/operations.md").read_text()

WORDS = {
    "fault": {fault.value for fault in Fault},
    "reason": {reason.value for reason in EndReason} | set(REFUSALS),
    "state": {state.value for state in CallState},
    "status": {status.value for status in ToolStatus},
    "link": {"media", "model"},
    "limit": {"slots"},
    "code": {"INTERNAL", "UNAUTHENTICATED"},
    "job": {"mediabridge", "x"},
    "instance": {"x"},
}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression there is, by who asks it."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


ASKED = list(expressions())


@pytest.mark.parametrize(("who", "expression"), ASKED)
def test_what_is_asked_for_is_told(who: str, expression: str) -> None:
    query = Query.of(expression)
    assert not unknown(query), who
    for label, word in query.words():
        assert word in WORDS[label], f"{who}: {label} is never {word}"


@pytest.mark.parametrize(("who", "expression"), ASKED)
def test_quantiles_are_of_histograms_and_rates_of_counters(who: str, expression: str) -> None:
    for counted in re.findall(r"(?:rate|increase)\(\s*(\w+)", expression):
        assert counted.endswith(("_total", "_bucket", "_count", "_sum")), who
    if "histogram_quantile" in expression:
        assert "le" in Query.of(expression).grouped, who


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("sum(mediabridge_callz)", {"mediabridge_callz"}),
        ('mediabridge_calls{stat="active"}', {"mediabridge_calls.stat"}),
        ("sum by (tenant) (mediabridge_calls)", {"tenant"}),
        ("rate(mediabridge_turn_latency_seconds[5m])", {"mediabridge_turn_latency_seconds"}),
    ],
)
def test_a_name_that_is_wrong_is_noticed(expression: str, wrong: set[str]) -> None:
    assert unknown(Query.of(expression)) == wrong


@pytest.mark.parametrize("expression", ["sum(", "rate(mediabridge_calls)", "1 +", "up{job=}"])
def test_what_is_no_promql_is_noticed(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Query.of(expression)


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(Query.of(expression).names for _, expression in ASKED))
    histograms = {name.removesuffix("_bucket") for name in series() if name.endswith("_bucket")}
    wanted = {
        name
        for name in series()
        if name.startswith("mediabridge_")
        and not any(name.startswith(f"{one}_") for one in histograms)
    } - {"mediabridge_build_info"}
    assert wanted <= shown
    for histogram in histograms:
        assert shown & {f"{histogram}_bucket", f"{histogram}_count"}, histogram


def test_panels_can_be_told_apart_and_do_not_overlap() -> None:
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for one, other in combinations(everything, 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (one["title"], other["title"])
        assert a["x"] + a["w"] <= 24


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_whatever_prometheus_is_chosen(
    panel: dict[str, Any],
) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)
    for asked in (panel, *panel["targets"]):
        assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        assert target["legendFormat"]
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert named <= Query.of(target["expr"]).grouped
        assert 'job=~"$job", instance=~"$instance"' in target["expr"]


def test_variables_can_be_asked_for() -> None:
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert asked is not None
            assert not unknown(Query.of(asked[1]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_has_happened(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Mediabridge")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    grouped = Query.of(rule["expr"]).grouped | {"instance"}
    summary = rule["annotations"]["summary"]
    assert set(re.findall(r"\$labels\.(\w+)", summary)) <= grouped
    assert summary.count("{{") == summary.count("}}") >= 1


def test_alerts_are_told_apart_and_operations_says_what_to_do_about_each() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert re.findall(r"^### (Mediabridge\w+)$", OPERATIONS, re.MULTILINE) == names


def test_the_example_scrapes_under_the_name_that_alerts_know() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yaml").read_text())
    assert job["job_name"] == "mediabridge"
