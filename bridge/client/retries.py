"""Which RPCs are asked again while the server is away, and what keeps that from doing harm."""

import json
import secrets
from typing import Final, TypeVar

from bridge.v1.call_service_pb2 import ControlCallRequest, CreateRoomRequest, JoinRoomRequest

# What can be asked twice. CreateModelToken cannot: it would make a second key. Streams are not
# retried by grpc either: a watch comes back by itself, and knows where it was.
REPEATABLE: Final = (
    ("bridge.v1.CallService", "CreateRoom"),
    ("bridge.v1.CallService", "JoinRoom"),
    ("bridge.v1.CallService", "EndCall"),
    ("bridge.v1.CallService", "ControlCall"),
    ("bridge.v1.CallService", "GetConnectionStatus"),
    ("bridge.v1.CallService", "ListCalls"),
    ("bridge.v1.CallService", "ListAgents"),
    ("bridge.v1.CallService", "GetCallReport"),
    ("bridge.v1.CallService", "DeleteCallData"),
    ("bridge.v1.TelemetryService", "GetStats"),
    ("bridge.v1.AdminService", "SetLogLevel"),
    ("bridge.v1.AdminService", "DumpTasks"),
)

SERVICE_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": service, "method": method} for service, method in REPEATABLE],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
"""For grpc, which retries by itself within the deadline of the call."""

_Request = TypeVar("_Request", CreateRoomRequest, JoinRoomRequest, ControlCallRequest)


def identified(request: _Request) -> _Request:
    """Return the request with an id of its own; the caller's message stays as it is."""
    is_command = isinstance(request, ControlCallRequest)
    field = "command_id" if is_command else "request_id"
    if getattr(request, field):
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    setattr(copy, field, secrets.token_hex(16))
    return copy
