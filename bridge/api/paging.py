"""Where a page of ListCalls begins: opaque tokens that fit one set of filters only."""

import base64
import binascii
import hashlib
from typing import Final

from bridge.errors import FieldViolation, InvalidRequest
from bridge.ids import ConnectionId
from bridge.moments import from_microseconds, to_microseconds
from bridge.ports.placement import CallPosition
from bridge.v1 import call_service_pb2

_DIGEST_BYTES: Final = 8
_TIME_BYTES: Final = 8


def token(request: call_service_pb2.ListCallsRequest, last: CallPosition) -> str:
    """Return the token of the page behind the call at `last`."""
    created_us = to_microseconds(last.created_at).to_bytes(_TIME_BYTES)
    raw = _digest(request) + created_us + last.connection_id.encode()
    return base64.urlsafe_b64encode(raw).decode()


def position(request: call_service_pb2.ListCallsRequest) -> CallPosition | None:
    """Return the call behind which the page begins; None: at the newest.

    :raises InvalidRequest: the token is not one of ours, or of other filters.
    """
    if not request.page_token:
        return None
    try:
        raw = base64.b64decode(request.page_token.encode(), altchars=b"-_", validate=True)
        created_us = int.from_bytes(raw[_DIGEST_BYTES : _DIGEST_BYTES + _TIME_BYTES])
        created_at = from_microseconds(created_us)
        last = raw[_DIGEST_BYTES + _TIME_BYTES :].decode()
    except (binascii.Error, UnicodeDecodeError, OverflowError) as error:
        raise InvalidRequest([FieldViolation("page_token", "not a page token")]) from error
    if raw[:_DIGEST_BYTES] != _digest(request):
        raise InvalidRequest([FieldViolation("page_token", "belongs to other filters")])
    return CallPosition(created_at, ConnectionId(last))


def _digest(request: call_service_pb2.ListCallsRequest) -> bytes:
    filters = call_service_pb2.ListCallsRequest()
    filters.CopyFrom(request)
    filters.page_token, filters.page_size = "", 0
    serialized = filters.SerializeToString(deterministic=True)
    return hashlib.sha256(serialized).digest()[:_DIGEST_BYTES]
