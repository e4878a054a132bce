"""A server without its .proto files at hand: grpcurl lists, describes and calls every RPC."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.client import BridgeClient
from tests.e2e.rig import BridgeProcess, ready

pytestmark = pytest.mark.e2e

SERVICES: Final = {
    "bridge.v1.CallService": {
        "CreateRoom",
        "JoinRoom",
        "EndCall",
        "ControlCall",
        "GetConnectionStatus",
        "ListCalls",
        "ListAgents",
        "GetCallReport",
        "WatchEvents",
        "DeleteCallData",
    },
    "bridge.v1.TelemetryService": {"StreamTelemetry", "GetStats"},
    "bridge.v1.ModelService": {"CreateModelToken"},
    "bridge.v1.ToolService": {"ServeTools"},
    "bridge.v1.AdminService": {"SetLogLevel", "DumpTasks"},
}


@pytest.fixture
def grpcurl() -> str:
    found = os.environ.get("MEDIABRIDGE_GRPCURL") or shutil.which("grpcurl")
    if found is None:
        pytest.skip("no grpcurl on this machine: go install it, or set MEDIABRIDGE_GRPCURL")
    return found


async def run(grpcurl: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        grpcurl,
        "-plaintext",
        "-max-time",
        "10",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return out.decode()


async def call(grpcurl: str, address: str, method: str, request: dict[str, Any]) -> Any:
    return json.loads(await run(grpcurl, "-d", json.dumps(request), address, method))


async def test_grpcurl_lists_and_describes_every_rpc(grpcurl: str, bridge: BridgeProcess) -> None:
    listed = await run(grpcurl, bridge.address, "list")
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(listed.split())
    for service, methods in SERVICES.items():
        named = await run(grpcurl, bridge.address, "list", service)
        assert set(named.split()) == {f"{service}.{method}" for method in methods}
        for method in methods:
            described = await run(grpcurl, bridge.address, "describe", f"{service}.{method}")
            assert f"rpc {method} (" in described


async def test_grpcurl_calls_every_rpc_and_sees_the_seeds_names(
    grpcurl: str, bridge: BridgeProcess, client: BridgeClient
) -> None:
    calls, at = "bridge.v1.CallService", bridge.address
    created = await call(
        grpcurl, at, f"{calls}/CreateRoom", {"participantName": "Ada", "agentId": "tester"}
    )
    assert {"connectionId", "roomName", "accessToken", "serverUrl"} <= created.keys()
    assert created["status"] == "created"
    which = {"connectionId": created["connectionId"]}
    await ready(client, created["connectionId"])

    joined = await call(
        grpcurl,
        at,
        f"{calls}/JoinRoom",
        {"participantName": "Bob", "roomName": created["roomName"]},
    )
    assert joined["status"] == "joined"
    status = await call(grpcurl, at, f"{calls}/GetConnectionStatus", which)
    assert status["isActive"] is True
    assert status["isAIReady"] is True
    assert {"participantId", "agentId", "createdAt", "lastActivity"} <= status.keys()
    listed = await call(grpcurl, at, f"{calls}/ListCalls", {"agentId": "tester"})
    assert [one["connectionId"] for one in listed["calls"]] == [created["connectionId"]]
    agents = await call(grpcurl, at, f"{calls}/ListAgents", {})
    tester = {"agentId": "tester", "name": "Tess", "languages": ["en"], "defaultLanguage": "en"}
    assert tester in agents["agents"]
    stats = await call(grpcurl, at, "bridge.v1.TelemetryService/GetStats", {})
    assert (stats["activeRooms"], stats["activeConnections"]) == (1, 1)
    assert "timestamp" in stats

    telemetry = asyncio.create_task(
        run(
            grpcurl,
            "-d",
            json.dumps(which | {"interval": "0.1s"}),
            at,
            "bridge.v1.TelemetryService/StreamTelemetry",
        )
    )
    said = await call(grpcurl, at, f"{calls}/ControlCall", which | {"say": {"text": "Hello."}})
    assert said["outcome"] == "CONTROL_OUTCOME_APPLIED"
    finished = await call(grpcurl, at, f"{calls}/EndCall", which)
    assert finished["status"] == "success"
    await telemetry
    status = await call(grpcurl, at, f"{calls}/GetConnectionStatus", which)
    assert status["isActive"] is False
    events = await run(grpcurl, "-d", json.dumps(which), at, f"{calls}/WatchEvents")
    assert '"ended"' in events
    report = await call(grpcurl, at, f"{calls}/GetCallReport", which)
    assert report["report"]["complete"] is True
    deleted = await call(grpcurl, at, f"{calls}/DeleteCallData", which)
    assert (deleted["reportDeleted"], int(deleted["eventsDeleted"]) > 5) == (True, True)


async def test_grpcurl_asks_for_what_is_no_calls(grpcurl: str, bridge: BridgeProcess) -> None:
    at = bridge.address
    key = await call(grpcurl, at, "bridge.v1.ModelService/CreateModelToken", {"agentId": "tester"})
    assert key["value"].startswith("ek_")
    admin = "bridge.v1.AdminService"
    dumped = await call(grpcurl, at, f"{admin}/DumpTasks", {})
    assert dumped["processes"][0]["name"] == "front"
    level = await call(grpcurl, at, f"{admin}/SetLogLevel", {"level": "LOG_LEVEL_INFO"})
    assert level == {"previous": "LOG_LEVEL_INFO"}


def test_the_guide_shows_every_rpc() -> None:
    guide = (Path(__file__).parents[2] / "docs/api.md").read_text()
    examples = guide.partition("## Every RPC")[2]
    for service, methods in SERVICES.items():
        for method in methods:
            assert f"{service}/{method}" in examples
