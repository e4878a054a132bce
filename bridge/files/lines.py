"""One line of text in a file: a name, a word."""

from typing import Annotated

from pydantic import AfterValidator, Field


def one_line(text: str) -> str:
    """Check a text that stands in names, logs and headers.

    :raises ValueError: it is none.
    """
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError("must be one line of printable characters, with no space at its ends")
    return text


Line = Annotated[str, Field(max_length=128), AfterValidator(one_line)]
