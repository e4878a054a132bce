"""What can be set of the store: where it is, what it keeps of calls, and for how long."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from bridge.ids import TenantId
from bridge.retention import Retention, RetentionRules
from bridge.settings.values import AnyCase

_FORMS: Final = re.compile(r"memory:|sqlite:///.+|postgres(ql)?://.+")
_TENANT: Final = re.compile(r"(?P<tenant>[^=,]+)=(?P<retention>[a-z]+)")


def retentions(listed: str) -> dict[TenantId, Retention]:
    """Return what may be kept of each tenant's calls, from "tenant=metadata,other=none".

    :raises ValueError: it is written in another way.
    """
    found = {}
    for part in listed.split(","):
        given = _TENANT.fullmatch(part.strip())
        levels = {level.value: level for level in Retention}
        if given is None or given["retention"] not in levels:
            raise ValueError(
                f"must be like acme=metadata,globex=none; each one of {', '.join(levels)}"
            )
        found[TenantId(given["tenant"].strip())] = levels[given["retention"]]
    return found


def _checked_url(url: SecretStr) -> SecretStr:
    if not _FORMS.fullmatch(url.get_secret_value()):
        raise ValueError("must be memory:, sqlite:///path or postgresql://user@host/database")
    return url


def _checked_list(listed: str) -> str:
    retentions(listed)
    return listed


class StoreSettings(BaseSettings):
    """The part of Settings that is about the store."""

    store_url: Annotated[SecretStr, AfterValidator(_checked_url)] = Field(
        SecretStr("sqlite:///mediabridge.db"),
        alias="MEDIABRIDGE_STORE_URL",
        description="Where calls are kept: sqlite:///path, postgresql://…, or memory: for nowhere.",
    )
    retention: Annotated[Literal["none", "metadata", "transcript", "all"], AnyCase] = Field(
        "transcript",
        alias="MEDIABRIDGE_RETENTION",
        description="What is kept of a call that is over: none, metadata, transcript or all.",
    )
    tenant_retention: Annotated[str, AfterValidator(_checked_list)] | None = Field(
        None,
        alias="MEDIABRIDGE_TENANT_RETENTION",
        description="Less than that, of some tenants' calls.",
    )
    retention_days: int = Field(
        30,
        alias="MEDIABRIDGE_RETENTION_DAYS",
        ge=1,
        le=36_500,
        description="For so many days it is kept.",
    )

    @property
    def retention_rules(self) -> RetentionRules:
        of_tenants = retentions(self.tenant_retention) if self.tenant_retention else {}
        return RetentionRules(Retention(self.retention), of_tenants)
