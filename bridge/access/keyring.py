"""Which API keys are good now: a file of them that may change while they are used."""

import asyncio
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

from bridge.access.key_file import (
    CREDENTIAL_PREFIX,
    BadKeyFile,
    KeyFile,
    KeyRecord,
    LimitsPart,
    read_keys,
)
from bridge.access.keys import NO_KEY, ApiKey
from bridge.access.principal import Limits, Principal
from bridge.errors import Unauthenticated
from bridge.files.changes import WatchedFiles
from bridge.ids import TenantId
from bridge.logs import get_logger
from bridge.ports.clock import Clock

# A key that was revoked is good for no longer than this.
WATCH_EVERY_S: Final = 2.0

# A key that is not known may be a moment old. Whoever tries many makes nobody look more often.
_LOOK_AGAIN_S: Final = 0.5

_log = get_logger(__name__)


class Keyring:
    """The keys of one file. A file with a mistake changes nothing: what was good before is kept."""

    def __init__(self, path: Path, clock: Clock, defaults: Limits) -> None:
        self._path = path
        self._clock = clock
        self._defaults = defaults
        self._file = WatchedFiles(path)
        self._kept: KeyFile | None = None
        self._looking = asyncio.Lock()
        self._looked_at_s = -math.inf
        self._changed: Callable[[], None] = lambda: None
        self._records: Mapping[str, KeyRecord] = {}
        self._tenants: Mapping[TenantId, LimitsPart] = {}

    def load(self) -> None:
        """Read the file. Blocks.

        :raises BadKeyFile: it cannot be used.
        """
        self._file.have_changed()
        self._take(read_keys(self._path))

    async def watch(self, changed: Callable[[], None]) -> NoReturn:
        """Read the file whenever it has changed, and tell of it, until cancelled."""
        self._changed = changed
        while True:
            await self._clock.sleep(WATCH_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Read the file if it has changed since the last look."""
        async with self._looking:
            await self._look()

    async def look_again(self) -> None:
        """Look because of a key that is not known, unless that was done just now."""
        async with self._looking:
            if self._clock.monotonic_s() - self._looked_at_s >= _LOOK_AGAIN_S:
                await self._look()

    def principal(self, text: str) -> Principal:
        """Return whose key this is.

        :raises Unauthenticated: nobody's, or it is no longer good.
        """
        key = ApiKey.parse(text)
        if key is None:
            raise Unauthenticated.invalid("not of a key's form")
        record = self._records.get(key.key_id)
        if not (NO_KEY if record is None else record.kept).fits(key) or record is None:
            raise Unauthenticated.invalid("no such key")
        # Only whoever has the key is told what is wrong with it.
        if record.revoked_at is not None:
            raise Unauthenticated("KEY_REVOKED", "this key has been revoked", record.key_id)
        if record.expires_at is not None and record.expires_at <= self._clock.now():
            raise Unauthenticated("KEY_EXPIRED", "this key has expired", record.key_id)
        return record.principal(self._defaults)

    def is_current(self, principal: Principal) -> bool:
        """Tell whether the key that `principal` came with is still good, and good for the same."""
        record = self._records.get(principal.credential.removeprefix(CREDENTIAL_PREFIX))
        return (
            record is not None
            and record.revoked_at is None
            and record.principal(self._defaults) == principal
        )

    def tenant_limits(self, tenant_id: TenantId, defaults: Limits) -> Limits:
        """Return what a tenant may have: what the file says, and for the rest the defaults."""
        return self._tenants.get(tenant_id, LimitsPart()).over(defaults)

    async def _look(self) -> None:
        self._looked_at_s = self._clock.monotonic_s()
        if not await asyncio.to_thread(self._file.have_changed):
            return
        try:
            file = await asyncio.to_thread(read_keys, self._path)
        except BadKeyFile as error:
            _log.error("keys not reloaded", problem=str(error))
            return
        if file != self._kept:
            self._take(file)
            _log.info("keys loaded", count=len(self._records))
            self._changed()

    def _take(self, file: KeyFile) -> None:
        self._kept = file
        self._records = {record.key_id: record for record in file.keys}
        self._tenants = {TenantId(name): limits for name, limits in file.tenants.items()}
