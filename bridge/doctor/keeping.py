"""Can calls be kept: is there a store?"""

import os
from pathlib import Path
from typing import Final

from bridge.doctor.finding import Finding, failed, ok, skipped
from bridge.store.database import SQLITE, Location, StoreError, opened, reached, shown

STORE: Final = "store"

_ADVICE: Final = "docs/storage.md says what MEDIABRIDGE_STORE_URL may be, and what it needs."


async def check_store(where: Location | None) -> Finding:
    """Open the store, and change nothing; a file that is not there yet is not made."""
    if where is None:
        return skipped(STORE, "MEDIABRIDGE_STORE_URL is memory: calls are forgotten at the end")
    said = shown(where)
    if where.get_backend_name() == SQLITE and not (file := Path(str(where.database))).exists():
        problem = _not_writable(file.parent)
        if problem is not None:
            return failed(STORE, f"{said}: {problem}", _ADVICE)
        return ok(STORE, f"{said} can be made")
    try:
        async with opened(where) as engine, reached(engine):
            return ok(STORE, f"{said} can be opened")
    except StoreError as error:
        return failed(STORE, f"{said}: {error}", _ADVICE)


def _not_writable(directory: Path) -> str | None:
    if not directory.is_dir():
        return f"{directory} is no directory"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{directory} cannot be written to by this user"
    return None
