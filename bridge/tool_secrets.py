"""Secrets of tools: agents' files name them, the environment of this process alone holds them.

They have a prefix of their own, so that no file can name any other variable.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bridge.secret_files import SUFFIX

PREFIX: Final = "TOOL_"
_NAME: Final = re.compile(rf"{PREFIX}[A-Z0-9_]{{1,64}}")
_REFERENCE: Final = re.compile(r"\$\{([^{}]*)\}")

Secrets = Mapping[str, str]
"""By name, such as TOOL_ORDERS_TOKEN."""


class SecretMissing(Exception):
    """A tool names a secret that is not there; the text is its name."""


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def names_among(variables: Iterable[str]) -> set[str]:
    """Return the secrets that the environment's variables hold, or whose files they name."""
    return {name.removesuffix(SUFFIX) for name in variables if is_name(name)}


def references(text: str) -> list[str]:
    """Return what stands as `${…}` in a text."""
    return _REFERENCE.findall(text)


def filled(texts: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    """Return headers or variables with the secrets in them.

    :raises SecretMissing: one of them is not there.
    """

    def secret(reference: re.Match[str]) -> str:
        try:
            return secrets[reference[1]]
        except KeyError:
            raise SecretMissing(reference[1]) from None

    return {name: _REFERENCE.sub(secret, text) for name, text in texts.items()}
