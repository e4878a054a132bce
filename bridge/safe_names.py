"""How do ids become names of files and directories that lead nowhere else?"""

import hashlib
from typing import Final
from urllib.parse import quote

from bridge.ids import TenantId

_NOBODY: Final = "no-tenant"
_PREFIX: Final = "tenant-"
# A file system's names have 255 bytes.
_LONGEST: Final = 200


def of_tenant(tenant_id: TenantId) -> str:
    """Return a tenant's directory; no two have the same."""
    return f"{_PREFIX}{safe(tenant_id)}" if tenant_id else _NOBODY


def safe(name: str) -> str:
    """Return a name without a way in it: other characters as %XX, a long one by its digest."""
    quoted = quote(name, safe="").replace(".", "%2E")
    if len(quoted) <= _LONGEST:
        return quoted
    return f"sha256-{hashlib.sha256(name.encode()).hexdigest()}"
