"""Secrets of tools: named in an agent's file, held by this process's environment alone."""

import re
from collections.abc import Mapping
from typing import Final

Secrets = Mapping[str, str]
"""By name, such as TOOL_ORDERS_TOKEN."""

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SecretMissing(Exception):
    """A tool names a secret that the environment does not hold; it is the exception's text."""


def filled(headers: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    """Return headers with the secrets in them.

    :raises SecretMissing: one of them is not there.
    """

    def secret(reference: re.Match[str]) -> str:
        try:
            return secrets[reference[1]]
        except KeyError:
            raise SecretMissing(reference[1]) from None

    return {name: _REFERENCE.sub(secret, value) for name, value in headers.items()}
