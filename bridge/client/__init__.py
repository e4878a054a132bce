"""How does a Python program use mediabridge: a typed asyncio client, needing the base install only.

async with BridgeClient("127.0.0.1:50051") as bridge:
    call = await bridge.create_room("Ada", "greeter", voice_language="en")
    async for event in bridge.watch(call.connection_id):
        ...
"""

from bridge.client.client import BridgeClient
from bridge.client.errors import (
    AlreadyExistsError,
    BridgeCallError,
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from bridge.client.options import CallOptions, RoomOptions
from bridge.client.serving import ToolServer
from bridge.client.tools import ToolError, ToolFunction, current_invocation
from bridge.client.watching import Backoff

__all__ = [
    "AlreadyExistsError",
    "Backoff",
    "BridgeCallError",
    "BridgeClient",
    "CallOptions",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "FieldViolation",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "RoomOptions",
    "ToolError",
    "ToolFunction",
    "ToolServer",
    "UnauthenticatedError",
    "UnavailableError",
    "current_invocation",
]
