"""How does a label stay bounded whose values others choose? What comes late is called `other`."""

from typing import Final

OTHER: Final = "other"


class BoundedLabel:
    """Lets so many different values through, the first ones."""

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        if value not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(value)
        return value
