"""What a request lets an agent know becomes domain values here."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.api import fields
from bridge.api.violations import Violations
from bridge.ids import ConnectionId
from bridge.ports.agent import (
    MAX_VARIABLE_CHARS,
    MAX_VARIABLES,
    VARIABLE_NAME,
    VARIABLE_NAME_RULE,
)
from bridge.ports.model_config import MAX_CONTEXT_CHARS, ContextItem, ItemRole
from bridge.v1 import call_service_pb2

_MAX_MESSAGES: Final = 100

ROLES: Final[Mapping[int, ItemRole]] = {
    call_service_pb2.CONTEXT_ROLE_SYSTEM: ItemRole.SYSTEM,
    call_service_pb2.CONTEXT_ROLE_USER: ItemRole.USER,
    call_service_pb2.CONTEXT_ROLE_AGENT: ItemRole.AGENT,
}


def variables(given: Mapping[str, str], wrong: Violations) -> Mapping[str, str]:
    if len(given) > MAX_VARIABLES:
        wrong.add("variables", f"at most {MAX_VARIABLES} entries")
    for name, value in given.items():
        if not VARIABLE_NAME.fullmatch(name):
            wrong.add("variables", f"names are {VARIABLE_NAME_RULE}")
        elif len(value) > MAX_VARIABLE_CHARS:
            wrong.add(f"variables.{name}", f"at most {MAX_VARIABLE_CHARS} characters")
    return dict(given)


def prior(value: str, wrong: Violations) -> ConnectionId | None:
    wrong.text("prior_connection_id", value, fields.MAX_ID)
    return ConnectionId(value) if value else None


def context(
    messages: Sequence[call_service_pb2.ContextMessage], wrong: Violations
) -> tuple[ContextItem, ...]:
    if len(messages) > _MAX_MESSAGES:
        wrong.add("initial_messages", f"at most {_MAX_MESSAGES}")
    if sum(len(message.text) for message in messages) > MAX_CONTEXT_CHARS:
        wrong.add("initial_messages", f"at most {MAX_CONTEXT_CHARS} characters in all")
    items: list[ContextItem] = []
    for index, message in enumerate(messages):
        field = f"initial_messages[{index}]"
        if not message.text.strip():
            wrong.add(f"{field}.text", "required")
        role = ROLES.get(message.role)
        if role is None:
            wrong.add(f"{field}.role", "must be SYSTEM, USER or AGENT")
        else:
            items.append(ContextItem(role, message.text))
    return tuple(items)
