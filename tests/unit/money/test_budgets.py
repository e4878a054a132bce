"""What each tenant may spend in a day, as a file says, and how a mistake in it is reported."""

from pathlib import Path

import pytest

from bridge.files.checked import BadFile
from bridge.files.watched import WatchedFile
from bridge.ids import TenantId
from bridge.money.budgets import BudgetTable, FileBudgets, read_budgets
from bridge.ports.budget import Budget
from tests.fakes.watching import watching

FILE = """\
default: {max_tokens: 1000000}
tenants:
  acme: {max_micro_units: 5000000}
  inhouse: {}
"""


def of(tenant: str, text: str = FILE) -> Budget:
    return read_budgets("b.yaml", text.encode()).of(TenantId(tenant))


def problem(text: str) -> str:
    with pytest.raises(BadFile) as bad:
        read_budgets("b.yaml", text.encode())
    (only,) = bad.value.problems
    return str(only)


def test_a_tenant_that_is_named_has_what_stands_there_and_others_the_default() -> None:
    assert of("acme") == Budget(max_micro_units=5_000_000)
    assert of("inhouse") == Budget()
    assert of("stranger") == of("") == Budget(max_tokens=1_000_000)


def test_without_a_default_only_those_that_are_named_are_limited() -> None:
    assert of("stranger", "tenants: {acme: {max_tokens: 1}}") == Budget()
    assert BudgetTable().of(TenantId("acme")) == Budget()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("5000000", "0", "b.yaml:3:10: tenants.acme.max_micro_units: Input should be greater"),
        (
            "5000000",
            "1.5",
            "b.yaml:3:10: tenants.acme.max_micro_units: Input should be a valid int",
        ),
        ("max_tokens", "max_token", "b.yaml:1:11: default.max_token: is unknown"),
        ("tenants:", "tenant:", "b.yaml:2:1: tenant: is unknown; did you mean tenants?"),
        (FILE, "[]", "b.yaml:1:1: must be a mapping: default: ..., tenants: ..."),
    ],
)
def test_a_mistake_is_reported_with_line_and_field(old: str, new: str, expected: str) -> None:
    assert problem(FILE.replace(old, new)).startswith(expected)


async def test_budgets_that_change_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text(FILE)
    watched = WatchedFile(path, read_budgets)
    budgets = FileBudgets(watched)
    async with watching(watched) as clock:
        path.write_text("default: {max_tokens: 7}")
        await clock.step()
        assert budgets.of(TenantId("acme")) == Budget(max_tokens=7)


def test_of_two_budgets_the_smaller_counts_in_each_respect() -> None:
    one, other = Budget(100, None), Budget(50, 7)
    assert one.within(other) == other.within(one) == Budget(50, 7)
    assert Budget(100, 5).within(other) == Budget(50, 5)
    assert Budget().within(one) == one
    assert not Budget()
    assert Budget(max_micro_units=1)
