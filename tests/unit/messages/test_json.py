"""What a REST gateway prints: the names and zeros that its pages know."""

import json

from google.protobuf.json_format import MessageToJson

from bridge.v1 import call_service_pb2, telemetry_service_pb2
from tests.unit.messages.samples import AT


def test_json_of_a_created_room_has_the_names_gateways_know() -> None:
    response = call_service_pb2.CreateRoomResponse(
        connection_id="c", room_name="r", server_url="u", status="created"
    )
    response.access_token = "t"  # noqa: S105 - a letter
    assert json.loads(MessageToJson(response)) == {
        "connectionId": "c",
        "roomName": "r",
        "accessToken": "t",
        "serverUrl": "u",
        "status": "created",
    }


def test_json_of_a_status_prints_what_is_false() -> None:
    response = call_service_pb2.GetConnectionStatusResponse(
        connection_id="c",
        room_name="r",
        participant_id="p",
        is_active=False,
        is_ai_ready=False,
        agent_id="a",
    )
    response.created_at.FromDatetime(AT)
    response.last_activity.FromDatetime(AT)
    shown = json.loads(MessageToJson(response))
    assert list(shown) == [
        *("connectionId", "roomName", "participantId", "isActive", "isAIReady"),
        *("agentId", "createdAt", "lastActivity"),
    ]
    assert (shown["isActive"], shown["isAIReady"]) == (False, False)


def test_json_of_stats_prints_zeros_as_numbers() -> None:
    response = telemetry_service_pb2.GetStatsResponse(active_rooms=0, active_connections=0)
    response.timestamp.FromDatetime(AT)
    shown = json.loads(MessageToJson(response))
    assert (shown["activeRooms"], shown["activeConnections"]) == (0, 0)
    assert "timestamp" in shown
