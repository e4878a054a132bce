"""How is an API key made, and recognised without being kept?

A key is `mbk_`, an id that is no secret, and 256 random bits. What is kept is a salted BLAKE2b of
those bits. A slow hash is for passwords, of which the likely ones can be tried; nobody tries 2^256,
and a slow one would let strangers spend the server's time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Final, Self

PREFIX: Final = "mbk_"

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_SALT_BYTES: Final = hashlib.blake2b.SALT_SIZE
_DIGEST_BYTES: Final = 32
# Sets these digests apart from all others of the same bits.
_PERSON: Final = b"mediabridge key"
_FORM: Final = re.compile(r"mbk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is presented."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        return cls(secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the key; None where the text has not a key's form."""
        found = _FORM.fullmatch(text)
        return None if found is None else cls(found[1], found[2])

    def reveal(self) -> str:
        """Return the text to be presented. It is shown once and kept nowhere."""
        return f"{PREFIX}{self.key_id}_{self.secret}"


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """What is kept of a key."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(salt, _digest(key, salt))

    def fits(self, key: ApiKey) -> bool:
        """Tell whether this is the key, in a time that tells nothing else."""
        return hmac.compare_digest(self.digest, _digest(key, self.salt))


NO_KEY: Final = KeyDigest(bytes(_SALT_BYTES), bytes(_DIGEST_BYTES))
"""Fits none: compared with where an id is unknown, so that this takes as long."""


def _digest(key: ApiKey, salt: bytes) -> bytes:
    return hashlib.blake2b(
        key.secret.encode(), digest_size=_DIGEST_BYTES, salt=salt, person=_PERSON
    ).digest()
