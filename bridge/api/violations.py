"""Collects what is wrong with a request, so that all of it is said at once."""

from typing import Final

from bridge.errors import FieldViolation, InvalidRequest

# They travel in the trailers, for which clients allow 8 KiB: more would hide them all.
_MOST: Final = 20


class Violations:
    """The wrong fields of one request, named as in the proto."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        violation = FieldViolation(field, description)
        if violation not in self._found and len(self._found) < _MOST:
            self._found.append(violation)

    def require(self, field: str, value: str) -> None:
        if not value:
            self.add(field, "required")

    def text(self, field: str, value: str, most: int) -> None:
        """Check a line of text: not too long, and nothing in it that would break a log or page."""
        if len(value) > most:
            self.add(field, f"at most {most} characters")
        if not value.isprintable():
            self.add(field, "must not hold control characters")

    def number(self, field: str, value: float, least: float, most: float) -> None:
        if not least <= value <= most:  # also false for NaN
            self.add(field, f"must be {least:g} to {most:g}")

    def check(self) -> None:
        """
        :raises InvalidRequest: anything was added.
        """
        if self._found:
            raise InvalidRequest(self._found)
