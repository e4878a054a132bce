"""Which optional dependencies does a command need, and what is said where they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

_OWN: str = "bridge"


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Around imports: turn a missing third-party module into advice on what to install."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] == _OWN:
            raise  # a defect of ours, not of the installation
        raise click.ClickException(
            f"{what} needs the {extra!r} extra ({missing.name} is not installed): "
            f"pip install 'mediabridge[{extra}]'"
        ) from missing
