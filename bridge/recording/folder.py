"""Where does a recording lie? In a directory of its tenant's, under the call's id."""

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bridge.ids import ConnectionId, TenantId

_MODE: Final = 0o700
_NOBODY_S: Final = "no-tenant"
_PREFIX: Final = "tenant-"
# A file system's names have 255 bytes.
_LONGEST: Final = 200


def path_for(root: Path, tenant_id: TenantId, connection_id: ConnectionId, suffix: str) -> Path:
    """Return where a recording goes, and make its directory.

    Whatever the ids hold, the file lies in `root`, and no two tenants have one directory.

    :raises OSError: the directory cannot be made.
    """
    directory = root / _directory_of(tenant_id)
    root.mkdir(mode=_MODE, parents=True, exist_ok=True)
    directory.mkdir(mode=_MODE, exist_ok=True)
    return directory / f"{_safe(connection_id)}{suffix}"


def _directory_of(tenant_id: TenantId) -> str:
    return f"{_PREFIX}{_safe(tenant_id)}" if tenant_id else _NOBODY_S


def _safe(name: str) -> str:
    """Return a name that leads nowhere else: other characters as %XX, a long one by its digest."""
    quoted = quote(name, safe="").replace(".", "%2E")
    if len(quoted) <= _LONGEST:
        return quoted
    return f"sha256-{hashlib.sha256(name.encode()).hexdigest()}"
