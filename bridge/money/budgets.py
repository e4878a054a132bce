"""What does the file of budgets say? What each tenant may spend in a day."""

from typing import Annotated

from pydantic import Field

from bridge.files.checked import Part, check, mapping_in, tree_of
from bridge.files.watched import WatchedFile
from bridge.ids import TenantId
from bridge.ports.budget import MAX_BUDGET, Budget

Most = Annotated[int, Field(ge=1, le=MAX_BUDGET)]
TenantName = Annotated[str, Field(max_length=128)]


class BudgetPart(Part):
    """What one tenant may spend in a day."""

    max_tokens: Most | None = None
    max_micro_units: Most | None = None

    def budget(self) -> Budget:
        return Budget(self.max_tokens, self.max_micro_units)


class BudgetFile(Part):
    """The file of budgets. A tenant that is named in it has what stands there, and no default."""

    default: BudgetPart = BudgetPart()
    tenants: dict[TenantName, BudgetPart] = Field(default_factory=dict)


class BudgetTable:
    """Implements TenantBudgets with one version of a file, or with none."""

    def __init__(self, file: BudgetFile | None = None) -> None:
        self._file = file or BudgetFile()

    def of(self, tenant_id: TenantId) -> Budget:
        return self._file.tenants.get(tenant_id, self._file.default).budget()


class FileBudgets:
    """Implements TenantBudgets with what a file says now."""

    def __init__(self, file: WatchedFile[BudgetTable]) -> None:
        self._file = file

    def of(self, tenant_id: TenantId) -> Budget:
        return self._file.value.of(tenant_id)


def read_budgets(file: str, raw: bytes) -> BudgetTable:
    """
    :raises BadFile: with every problem that can be told at once.
    """
    tree = tree_of(file, raw)
    mapping_in(file, tree, "default: ..., tenants: ...")
    return BudgetTable(check(file, tree, BudgetFile))
