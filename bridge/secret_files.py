"""Secrets that stand in files: the variable NAME_FILE says where the value of NAME is."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

SUFFIX: Final = "_FILE"
_MAX_BYTES: Final = 65_536


def with_secrets_of_files(
    given: Mapping[str, str], secrets: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables with every NAME that has a NAME_FILE, and what is wrong with those.

    A line end behind the secret is no part of it: editors, and most tools, leave one. Blocks.
    """
    complete, problems = dict(given), {}
    for name in secrets:
        path = complete.pop(f"{name}{SUFFIX}", None)
        if path is None:
            continue
        if name in given:
            problems[f"{name}{SUFFIX}"] = f"is given beside {name}: only one of them may be"
            continue
        try:
            complete[name] = read_secret(Path(path))
        except ValueError as error:
            problems[f"{name}{SUFFIX}"] = str(error)
    return complete, problems


def read_secret(path: Path) -> str:
    """
    :raises ValueError: it cannot be read, or holds no text; the message shows nothing of it.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"holds more than {_MAX_BYTES} bytes")
    try:
        secret = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("holds no text") from None
    if not secret:
        raise ValueError("is empty")
    return secret
