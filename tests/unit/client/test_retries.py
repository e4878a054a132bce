"""Is a server that is away asked again, and never made to do a thing twice?"""

import grpc
import pytest

from bridge.client import BridgeClient, ResourceExhaustedError, UnavailableError
from bridge.client.retries import REPEATABLE
from bridge.testing.services import METHODS
from bridge.v1.call_service_pb2 import ControlCallRequest, CreateRoomRequest, JoinRoomRequest
from tests.unit.client.fake_bridge import FakeBridge, Refuse, calls, models, telemetry

AWAY = Refuse(grpc.StatusCode.UNAVAILABLE, "away")
FULL = Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")


def in_turn(fake: FakeBridge, method: str, *outcomes: object) -> None:
    """Let an RPC be answered by one outcome after the other."""
    turns = iter(outcomes)

    def next_one(_request: object) -> object:
        outcome = next(turns)
        if isinstance(outcome, Refuse):
            raise outcome
        return outcome

    fake.answers[method] = next_one


async def test_a_retry_of_a_call_is_the_same_request(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    in_turn(fake, "CreateRoom", AWAY, calls.CreateRoomResponse(), calls.CreateRoomResponse())
    await bridge.create_room("Ada", "greeter")
    await bridge.create_room("Ada", "greeter")
    first, again, other = (request.request_id for request in fake.requests)
    assert first == again != other
    assert first


async def test_ids_of_the_callers_own_are_kept(bridge: BridgeClient, fake: FakeBridge) -> None:
    in_turn(fake, "CreateRoom", calls.CreateRoomResponse())
    in_turn(fake, "JoinRoom", calls.JoinRoomResponse())
    in_turn(fake, "ControlCall", calls.ControlCallResponse())
    await bridge.create_room("Ada", "greeter", request_id="order-1")
    await bridge.join_room("Ada", "lobby", request_id="order-2")
    await bridge.control(ControlCallRequest(command_id="hold-1"))
    created, joined, command = fake.requests
    assert (created.request_id, joined.request_id) == ("order-1", "order-2")
    assert command.command_id == "hold-1"


async def test_messages_of_the_callers_own_stay_as_they_are(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    in_turn(fake, "CreateRoom", calls.CreateRoomResponse())
    in_turn(fake, "JoinRoom", calls.JoinRoomResponse())
    in_turn(fake, "ControlCall", AWAY, calls.ControlCallResponse())
    room, human, command = CreateRoomRequest(), JoinRoomRequest(), ControlCallRequest()
    await bridge.create_room_from(room)
    await bridge.join_room_from(human)
    await bridge.control(command)
    assert [one.ListFields() for one in (room, human, command)] == [[], [], []]
    created, joined, first, again = fake.requests
    assert created.request_id
    assert joined.request_id
    assert first.command_id == again.command_id != ""


async def test_a_server_that_stays_away_is_asked_four_times(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    in_turn(fake, "GetStats", AWAY, AWAY, AWAY, AWAY, telemetry.GetStatsResponse())
    with pytest.raises(UnavailableError):
        await bridge.stats()
    assert len(fake.requests) == 4


async def test_a_refusal_is_not_asked_again(bridge: BridgeClient, fake: FakeBridge) -> None:
    in_turn(fake, "CreateRoom", FULL, calls.CreateRoomResponse())
    with pytest.raises(ResourceExhaustedError):
        await bridge.create_room("Ada", "greeter")
    assert len(fake.requests) == 1


async def test_a_key_is_not_made_twice(bridge: BridgeClient, fake: FakeBridge) -> None:
    in_turn(fake, "CreateModelToken", AWAY, models.CreateModelTokenResponse())
    with pytest.raises(UnavailableError):
        await bridge.create_model_token("greeter")
    assert len(fake.requests) == 1


def test_every_unary_method_but_the_making_of_keys_is_repeatable() -> None:
    unary = {
        (method.containing_service.full_name, name)
        for name, method in METHODS.items()
        if not (method.server_streaming or method.client_streaming)
    }
    assert unary - set(REPEATABLE) == {("bridge.v1.ModelService", "CreateModelToken")}
    assert set(REPEATABLE) <= unary
