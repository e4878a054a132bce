"""Programs without asyncio use the generated stubs: grpcio-testing drives them without a server."""

import grpc
import grpc_testing

from bridge.v1 import call_service_pb2 as pb
from bridge.v1.call_service_pb2_grpc import CallServiceStub

_SERVICE = pb.DESCRIPTOR.services_by_name["CallService"]


def _channel() -> grpc_testing.Channel:
    return grpc_testing.channel([_SERVICE], grpc_testing.strict_fake_time(0))


def test_a_blocking_stub_sends_the_request_and_returns_the_answer() -> None:
    channel = _channel()
    answer = CallServiceStub(channel).CreateRoom.future(
        pb.CreateRoomRequest(participant_name="Ada", agent_id="greeter")
    )
    _, request, rpc = channel.take_unary_unary(_SERVICE.methods_by_name["CreateRoom"])
    assert request.participant_name == "Ada"
    rpc.terminate(pb.CreateRoomResponse(status="created"), (), grpc.StatusCode.OK, "")
    assert answer.result().status == "created"


def test_a_blocking_watch_yields_events_until_the_stream_ends() -> None:
    channel = _channel()
    events = CallServiceStub(channel).WatchEvents(pb.WatchEventsRequest(connection_id="call-1"))
    _, request, rpc = channel.take_unary_stream(_SERVICE.methods_by_name["WatchEvents"])
    assert request.connection_id == "call-1"
    for sequence in (1, 2):
        response = pb.WatchEventsResponse()
        response.event.sequence = sequence
        rpc.send_response(response)
    rpc.terminate((), grpc.StatusCode.OK, "")
    assert [response.event.sequence for response in events] == [1, 2]
