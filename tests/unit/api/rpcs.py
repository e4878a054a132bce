"""One right request of each kind, and how to change it."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from bridge.api import call_requests, commands, requests
from bridge.errors import InvalidRequest
from bridge.v1 import call_service_pb2, model_service_pb2, telemetry_service_pb2


@dataclass(frozen=True, slots=True)
class Rpc:
    """A request that is right, and what parses it."""

    right: Message
    parse: Callable[..., object]


CREATE = Rpc(
    call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="greeter"),
    call_requests.create_room,
)
JOIN = Rpc(
    call_service_pb2.JoinRoomRequest(participant_name="Ada", room_name="lobby"),
    call_requests.join_room,
)
WATCH = Rpc(call_service_pb2.WatchEventsRequest(connection_id="call-1"), requests.watch)
LIST = Rpc(call_service_pb2.ListCallsRequest(), requests.list_calls)
TELEMETRY = Rpc(telemetry_service_pb2.StreamTelemetryRequest(), requests.telemetry)
CONTROL = Rpc(
    call_service_pb2.ControlCallRequest(
        connection_id="call-1", say=call_service_pb2.Say(text="One moment.")
    ),
    commands.control_call,
)
TOKEN = Rpc(model_service_pb2.CreateModelTokenRequest(agent_id="greeter"), requests.model_token)


def changed(rpc: Rpc, path: str, value: object) -> Message:
    """Return the request with one field set, by its path in the proto."""
    message = type(rpc.right)()
    message.CopyFrom(rpc.right)
    *parents, name = path.split(".")
    target = message
    for parent in parents:
        target = getattr(target, parent)
    if isinstance(value, Message):
        getattr(target, name).CopyFrom(value)
    elif isinstance(value, dict):
        getattr(target, name).update(value)
    elif isinstance(value, list):
        getattr(target, name).extend(value)
    else:
        setattr(target, name, value)
    return message


def wrong_fields(rpc: Rpc, message: Message) -> list[str]:
    try:
        rpc.parse(message)
    except InvalidRequest as refused:
        return [violation.field for violation in refused.violations]
    return []


def span(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def said(text: str, role: int = 2) -> call_service_pb2.ContextMessage:
    return call_service_pb2.ContextMessage(role=role, text=text)  # type: ignore[arg-type]
