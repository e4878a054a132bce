"""The file of API keys: what it holds, how it is read, and how it is replaced as a whole."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypedDict, Unpack

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bridge.access.keys import ApiKey, KeyDigest
from bridge.access.principal import Limits, Principal, Scope
from bridge.errors import BridgeError
from bridge.ids import TenantId

CREDENTIAL_PREFIX: Final = "key:"

# A name in logs and lists; a tenant as the API takes it.
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
_Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Most = Annotated[int, Field(ge=0, le=1_000_000)]

_MODE: Final = 0o600
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MAX_BYTES: Final = 16 * 1024 * 1024


class BadKeyFile(BridgeError):
    """The file of keys cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LimitsPart(_Part):
    """How much one key, or one tenant, may have; None: what the server's settings say."""

    calls: _Most | None = None
    creations_per_minute: _Most | None = None
    streams: _Most | None = None

    def over(self, defaults: Limits) -> Limits:
        return replace(defaults, **self.model_dump(exclude_none=True))


class _Rest(TypedDict):
    scopes: frozenset[Scope]
    expires_at: datetime | None
    limits: LimitsPart


class KeyRecord(_Part):
    """One key, without what would let anybody present it."""

    key_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    name: Name
    tenant_id: Name | None
    scopes: frozenset[Scope] = Field(min_length=1)
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    limits: LimitsPart = LimitsPart()
    salt: _Hex32 = Field(repr=False)
    digest: _Hex64 = Field(repr=False)

    @classmethod
    def of(cls, key: ApiKey, *, name: str, tenant_id: str | None, **rest: Unpack[_Rest]) -> Self:
        """Return what is kept of a new key.

        :raises ValueError: a name, or a limit, is none.
        """
        kept = KeyDigest.of(key)
        return cls(
            key_id=key.key_id,
            name=name,
            tenant_id=tenant_id,
            created_at=_now(),
            salt=kept.salt.hex(),
            digest=kept.digest.hex(),
            **rest,
        )

    @property
    def kept(self) -> KeyDigest:
        return KeyDigest(bytes.fromhex(self.salt), bytes.fromhex(self.digest))

    def principal(self, defaults: Limits) -> Principal:
        return Principal(
            name=self.name,
            credential=f"{CREDENTIAL_PREFIX}{self.key_id}",
            tenant_id=None if self.tenant_id is None else TenantId(self.tenant_id),
            scopes=self.scopes,
            expires_at=self.expires_at,
            limits=self.limits.over(defaults),
        )


class KeyFile(_Part):
    """All keys, and what tenants may have where that is not what the server's settings say."""

    version: Literal[1] = 1
    keys: tuple[KeyRecord, ...] = ()
    tenants: dict[Name, LimitsPart] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        if len({record.key_id for record in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same key_id")
        return self

    def with_key(self, record: KeyRecord) -> Self:
        return self.model_copy(update={"keys": (*self.keys, record)})

    def revoking(self, key_id: str) -> Self:
        """Return the file with one key revoked: now, unless it was before.

        :raises KeyError: there is no such key.
        """
        if all(record.key_id != key_id for record in self.keys):
            raise KeyError(key_id)
        return self.model_copy(
            update={
                "keys": tuple(
                    record.model_copy(update={"revoked_at": record.revoked_at or _now()})
                    if record.key_id == key_id
                    else record
                    for record in self.keys
                )
            }
        )

    def with_tenant(self, tenant_id: str, limits: LimitsPart) -> Self:
        """
        :raises ValueError: that is no tenant's name.
        """
        tenants = {**self.tenants, tenant_id: limits}
        return type(self)(keys=self.keys, tenants=tenants)


def read_keys(path: Path) -> KeyFile:
    """Return what the file holds. Blocks.

    :raises BadKeyFile: it is not there, not ours alone to write, or not what it should be.
    """
    try:
        with path.open("rb") as file:
            # Its hashes help nobody, but whoever can write it can let himself in.
            if os.fstat(file.fileno()).st_mode & _OTHERS_MAY_WRITE:
                raise BadKeyFile(f"{path}: others may write it; chmod 600 it")
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise BadKeyFile(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise BadKeyFile(f"{path}: is larger than {_MAX_BYTES} bytes")
    try:
        return KeyFile.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BadKeyFile(f"{path}: {where}: {first['msg']}") from None


def change_keys(path: Path, change: Callable[[KeyFile], KeyFile]) -> None:
    """Replace the file by what `change` makes of it, one process at a time. Blocks.

    A file that is not there is taken for an empty one.

    :raises BadKeyFile: it cannot be read, or not be written.
    """
    try:
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _replace(path, change(read_keys(path) if path.exists() else KeyFile()))
    except OSError as error:
        raise BadKeyFile(f"{path}: cannot be written: {error.strerror}") from error


def _replace(path: Path, keys: KeyFile) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(keys.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
