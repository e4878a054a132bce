"""Where does a recording lie? In a directory of its tenant's, under the call's id."""

from pathlib import Path
from typing import Final

from bridge import safe_names
from bridge.ids import ConnectionId, TenantId

_MODE: Final = 0o700


def path_for(root: Path, tenant_id: TenantId, connection_id: ConnectionId, suffix: str) -> Path:
    """Return where a recording goes, and make its directory.

    Whatever the ids hold, the file lies in `root`, and no two tenants have one directory.

    :raises OSError: the directory cannot be made.
    """
    directory = root / safe_names.of_tenant(tenant_id)
    root.mkdir(mode=_MODE, parents=True, exist_ok=True)
    directory.mkdir(mode=_MODE, exist_ok=True)
    return directory / f"{safe_names.safe(connection_id)}{suffix}"
