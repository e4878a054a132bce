"""Collects what is wrong with a request, so that all of it is said at once."""

from bridge.errors import FieldViolation, InvalidRequest


class Violations:
    """The wrong fields of one request, named as in the proto."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        self._found.append(FieldViolation(field, description))

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
