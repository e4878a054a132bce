"""How does a receiver know that a webhook is ours? Signed as Standard Webhooks says.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
_LONGEST: Final = 64


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for.

    :raises ValueError: it is none; the message shows nothing of it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(
            f"must be {PREFIX} and {_SHORTEST} to {_LONGEST} random bytes in base64, such as "
            f"`echo {PREFIX}$(openssl rand -base64 32)` makes"
        )
    return key


def headers(key: bytes, message_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """Return what says whose message it is, and when it was sent."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
