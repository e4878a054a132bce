"""Do the pages name tests, events, reasons and log lines that there are?"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bridge.agents.loader import read_agent
from bridge.v1 import call_pb2, event_pb2, telemetry_pb2
from tests.unit.test_api_guide import raised

ROOT: Final = Path(__file__).parents[2]
SEED: Final = (ROOT / "docs/seed.md").read_text()
TROUBLES: Final = (ROOT / "docs/troubleshooting.md").read_text()


def test_every_row_about_the_seed_has_its_tests_and_they_exist() -> None:
    rows = [line for line in SEED.splitlines() if re.match(r"\| (?!seed|---)", line)]
    assert len(rows) == 23
    for row in rows:
        named = re.findall(r"`([^`]+?)::(\w+)`", row.rpartition(" | ")[2])
        assert named, row
        for file, name in named:
            text = (ROOT / file).read_text()
            assert re.search(rf"^(async def|def|func) {name}", text, re.MULTILINE), (file, name)


def test_the_seed_s_endpoints_and_wishes_all_have_a_row() -> None:
    for wanted in (
        *("create-room", "join-room", "end-call", "connection-status", "/livekit/stats"),
        *("Configuration", "Connection management", "Room manager", "Audio processing"),
        *("Track handler", "Video track", "Multiple participants", "Egress", "transcription"),
        *("preprocessing", "Metrics and monitoring"),
    ):
        assert wanted in SEED


def words_of(text: str) -> Iterator[str]:
    """Yield what the tables' second column shows: events, reasons, fields, log lines."""
    for line in text.splitlines():
        cells = line.strip("|").split("|")
        if line.startswith("| ") and len(cells) == 3:
            yield from re.findall(r"`([^`]+)`", cells[1])


def test_every_symptom_is_shown_by_something_that_the_code_says() -> None:
    said = {reason for reason, _ in raised()} | _of_the_api() | _strings_of_the_code()
    shown = set(words_of(TROUBLES))
    assert len(shown) > 50
    assert {word for word in shown if word not in said} == set()


def _of_the_api() -> set[str]:
    """Return kinds of events, values of enums, and fields of figures, as the page writes them."""
    enums = [*call_pb2.DESCRIPTOR.enum_types_by_name.values()]
    enums += event_pb2.DESCRIPTOR.enum_types_by_name.values()
    values = {value.name for enum in enums for value in enum.values}
    events = set(event_pb2.CallEvent.DESCRIPTOR.fields_by_name)
    figures = {
        name
        for part in telemetry_pb2.CallTelemetry.DESCRIPTOR.fields
        if part.message_type is not None
        for field in part.message_type.fields
        for name in (field.name, f"{part.name}.{field.name}")
    }
    return values | events | figures | {"loop_lag", "dropped_in", "create_response"}


def _strings_of_the_code() -> set[str]:
    """Return the strings that log lines, warnings and settings are made of."""
    return {
        node.value
        for file in (ROOT / "bridge").rglob("*.py")
        if not {"v1", "testing"} & set(file.parts)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize(
    "line", ["agent file refused", "worker is gone", "calls can be overheard: there is no TLS"]
)
def test_the_search_for_strings_finds_lines_of_the_log(line: str) -> None:
    assert line in _strings_of_the_code()
    assert f"{line}!" not in _strings_of_the_code()


def test_the_agent_of_the_readme_is_one() -> None:
    written = re.search(r"```yaml\n(agentId: .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert written is not None
    assert read_agent("kitchen.yaml", written.group(1).encode()).name == "Kim"
