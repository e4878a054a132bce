"""What went wrong in a TaskGroup, as the one error that ended it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_error() -> Iterator[None]:
    """Around a TaskGroup: raise the error that ended it by itself, as callers expect it."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise first_error(group) from None


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a group holds first, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
