"""Fields that many requests have: who and what is named, in which language, with what metadata."""

import re
from collections.abc import Mapping
from typing import Final

from bridge.api.violations import Violations
from bridge.ids import AgentId, ConnectionId, TenantId

MAX_ID: Final = 128
_MAX_METADATA: Final = 32
_MAX_METADATA_KEY: Final = 64
_MAX_METADATA_VALUE: Final = 512
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")


def connection_id(value: str, wrong: Violations) -> ConnectionId:
    wrong.require("connection_id", value)
    wrong.text("connection_id", value, MAX_ID)
    return ConnectionId(value)


def agent_id(value: str, wrong: Violations) -> AgentId:
    wrong.text("agent_id", value, MAX_ID)
    return AgentId(value)


def tenant_id(value: str, wrong: Violations) -> TenantId:
    wrong.text("tenant_id", value, MAX_ID)
    return TenantId(value)


def language(value: str, wrong: Violations) -> str | None:
    if not value:
        return None
    if not _LANGUAGE.fullmatch(value):
        wrong.add("voice_language", 'must be a BCP-47 tag such as "en" or "es-MX"')
    return value


def metadata(field: str, given: Mapping[str, str], wrong: Violations) -> None:
    if len(given) > _MAX_METADATA:
        wrong.add(field, f"at most {_MAX_METADATA} entries")
    for key, value in given.items():
        if not 1 <= len(key) <= _MAX_METADATA_KEY:
            wrong.add(field, f"keys must have 1 to {_MAX_METADATA_KEY} characters")
        if len(value) > _MAX_METADATA_VALUE:
            wrong.add(field, f"values must have at most {_MAX_METADATA_VALUE} characters")
