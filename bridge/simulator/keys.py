"""Which keys open a session: the ones it was given, and the ephemeral ones it minted."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.simulator.wire import JsonObject, Refusal

_EPHEMERAL: Final = "ek_"
# A demo that mints keys and never uses them must not grow for ever; the oldest go first.
_MOST_MINTED: Final = 1000


@dataclass(frozen=True, slots=True)
class Minted:
    """One ephemeral key."""

    value: str
    expires_at: float
    session: JsonObject
    """The configuration that a session opened with it starts from."""


class Keys:
    """Checks bearer keys; with none given it accepts any, but no expired ephemeral one."""

    def __init__(self, accepted: frozenset[str] | None, now: Callable[[], float]) -> None:
        self._accepted = accepted
        self._now = now
        self._minted: dict[str, Minted] = {}

    def mint(self, session: JsonObject, seconds: int) -> Minted:
        """Return a new ephemeral key; beyond 1000 the oldest stops working."""
        key = Minted(_EPHEMERAL + secrets.token_hex(16), self._now() + seconds, session)
        self._minted[key.value] = key
        while len(self._minted) > _MOST_MINTED:
            del self._minted[next(iter(self._minted))]
        return key

    def check(self, authorization: str | None) -> Minted | None:
        """Return the ephemeral key in an Authorization header, None for an ordinary key.

        Raises Refusal for a key that is not accepted.
        """
        key = (authorization or "").removeprefix("Bearer ").strip()
        if minted := self._minted.get(key):
            if minted.expires_at > self._now():
                return minted
            raise _invalid_key()
        if self._accepted is not None and key not in self._accepted:
            raise _invalid_key()
        return None


def _invalid_key() -> Refusal:
    return Refusal("Incorrect API key provided.", code="invalid_api_key")
