"""Where does a recording lie? In a directory of its tenant's, under the call's id."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge import safe_names
from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.ports.recording import RecordingFormat

SUFFIX_OF: Final = {RecordingFormat.WAV: ".wav", RecordingFormat.OGG_OPUS: ".ogg"}

_MODE: Final = 0o700
_RETRY_S: Final = 5.0


def path_for(root: Path, tenant_id: TenantId, connection_id: ConnectionId, suffix: str) -> Path:
    """Return where a recording goes, and make its directory.

    Whatever the ids hold, the file lies in `root`, and no two tenants have one directory.

    :raises OSError: the directory cannot be made.
    """
    path = _path(root, tenant_id, connection_id, suffix)
    root.mkdir(mode=_MODE, parents=True, exist_ok=True)
    path.parent.mkdir(mode=_MODE, exist_ok=True)
    return path


class Folder:
    """Implements RecordingFiles."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def erase(self, tenant_id: TenantId, connection_id: ConnectionId) -> Sequence[str]:
        paths = [
            _path(self._root, tenant_id, connection_id, suffix) for suffix in SUFFIX_OF.values()
        ]
        try:
            erased = await asyncio.to_thread(lambda: [path for path in paths if _unlinked(path)])
        except OSError as error:
            raise Unavailable(
                "RECORDING_NOT_DELETED", "a recording cannot be deleted", _RETRY_S
            ) from error
        return [path.absolute().as_uri() for path in erased]


def _path(root: Path, tenant_id: TenantId, connection_id: ConnectionId, suffix: str) -> Path:
    return root / safe_names.of_tenant(tenant_id) / f"{safe_names.safe(connection_id)}{suffix}"


def _unlinked(path: Path) -> bool:
    """Delete a file; return whether it was there."""
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
