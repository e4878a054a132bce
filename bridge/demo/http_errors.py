"""Which HTTP answer does a gRPC refusal become: Google's table, and JSON a page can read."""

import math
from collections.abc import Mapping
from typing import Final

import grpc
from aiohttp import web

from bridge.client import BridgeCallError

# google/rpc/code.proto
_HTTP_STATUS: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


def as_response(error: BridgeCallError) -> web.Response:
    """Return the answer to a request that the bridge refused."""
    response = refusal(
        _HTTP_STATUS.get(error.code, 500), error.code.name, error.reason, error.message
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after.total_seconds()))
    return response


def refusal(status: int, code: str, reason: str, message: str) -> web.Response:
    """Return an answer that says what is wrong."""
    body = {"code": code, "reason": reason, "message": message}
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
