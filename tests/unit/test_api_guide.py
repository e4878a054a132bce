"""Is what docs/api.md says of errors and retries what the code does?"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bridge import errors
from bridge.api.models import _refusal
from bridge.api.status import code_of
from bridge.client.retries import REPEATABLE
from bridge.errors import ModelError, ModelFailure, Refusal
from bridge.ports.store import EventsTrimmed
from bridge.testing.services import METHODS

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs/api.md").read_text()
KINDS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
}
# Raised by ways of their own, which the search for plain calls does not see.
OTHERS: Final = (
    errors.InvalidRequest([]),
    errors.Unauthenticated.invalid("made up"),
    EventsTrimmed(1),
    *(_refusal(ModelError(failure)) for failure in ModelFailure),
)


def raised() -> Iterator[tuple[str, str]]:
    """Yield every reason with its status, as the code says it."""
    for other in OTHERS:
        yield other.reason, code_of(other).name
    for file in (ROOT / "bridge").rglob("*.py"):
        if "testing" in file.parts:
            continue  # repeats what others say
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            kind, reason = KINDS.get(node.func.id), node.args[0]
            if kind is not None and isinstance(reason, ast.Constant):
                yield str(reason.value), code_of(kind.__new__(kind)).name


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_reason_stands_in_the_table_with_its_status() -> None:
    documented = {
        (reason, status)
        for reasons, status, *_ in rows("Errors")
        for reason in re.findall(r"`([A-Z_]+)`", reasons)
    }
    assert documented == set(raised())


def test_every_method_stands_in_the_table_of_retries() -> None:
    named = {name for methods, *_ in rows("Retries") for name in methods.split(", ")}
    assert named == METHODS.keys()


def test_what_the_table_calls_unsafe_is_what_clients_do_not_repeat() -> None:
    unsafe = {methods for methods, answer, *_ in rows("Retries") if answer == "no"}
    unary = {name for name, method in METHODS.items() if not method.server_streaming}
    assert unsafe == unary - {method for _, method in REPEATABLE}


@pytest.mark.parametrize("page", ["README.md", "docs", "clients/python/README.md"])
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    start = ROOT / page
    links = [
        (file, target)
        for file in (start.glob("*.md") if start.is_dir() else [start])
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", file.read_text())
        if "://" not in target
    ]
    assert links
    assert [link for link in links if not (link[0].parent / link[1]).exists()] == []
