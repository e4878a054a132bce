"""How many calls each may have, as gateways get to know it."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from bridge.access.key_file import LimitsPart
from bridge.access.principal import Limits, Scope
from bridge.errors import RoomUnreachable
from bridge.v1 import call_service_pb2
from tests.unit.api.keyed import Keyed, Metadata, keyed
from tests.unit.api.rig import reason_of, refused, status_of
from tests.unit.calls.desk import named
from tests.unit.calls.rig import EPOCH, HOST

Code = grpc.StatusCode


def create(server: Keyed, credentials: Metadata, **fields: Any) -> Any:
    asked = call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="greeter", **fields)
    return server.api.calls.CreateRoom(asked, metadata=credentials)


async def end(server: Keyed, credentials: Metadata, connection_id: str) -> None:
    asked = call_service_pb2.EndCallRequest(connection_id=connection_id)
    await server.api.calls.EndCall(asked, metadata=credentials)


def limit_of(error: grpc.aio.AioRpcError) -> tuple[str, str, float]:
    """Return which limit was reached, how high it is, and when to ask again."""
    assert (error.code(), reason_of(error)) == (Code.RESOURCE_EXHAUSTED, "LIMIT_REACHED")
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status_of(error).details[0].Unpack(info)
    assert status_of(error).details[1].Unpack(retry)
    delay = retry.retry_delay
    return info.metadata["limit"], info.metadata["most"], delay.seconds + delay.nanos / 1e9


async def test_calls_of_a_tenant_are_limited_exactly_however_many_ask_at_once(
    tmp_path: Path,
) -> None:
    async with keyed(tmp_path, slots=20, tenant_limits=Limits(calls=3)) as server:
        keys = [await server.key() for _ in range(2)]
        asked = [create(server, keys[number % 2]) for number in range(12)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
        assert len(errors) == 9
        assert {limit_of(error)[:2] for error in errors} == {("calls_per_tenant", "3")}
        await create(server, await server.key("other"))
        made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        await end(server, keys[0], made[0].connection_id)
        await create(server, keys[0])
        assert limit_of(await refused(create(server, keys[1])))[0] == "calls_per_tenant"


async def test_calls_of_a_key_are_limited(tmp_path: Path) -> None:
    async with keyed(tmp_path, slots=20) as server:
        key = await server.key(limits=LimitsPart(calls=1))
        await create(server, key)
        assert limit_of(await refused(create(server, key)))[:2] == ("calls_per_key", "1")
        await create(server, await server.key())


async def test_tenants_of_a_key_for_all_are_limited_each(tmp_path: Path) -> None:
    async with keyed(tmp_path, slots=20, tenant_limits=Limits(calls=1)) as server:
        platform = await server.key(None, [Scope.ADMIN])
        await create(server, platform, tenant_id="acme")
        error = await refused(create(server, platform, tenant_id="acme"))
        assert limit_of(error)[0] == "calls_per_tenant"
        await create(server, platform, tenant_id="other")


async def test_limits_of_a_tenant_go_before_those_of_all_and_change_while_serving(
    tmp_path: Path,
) -> None:
    async with keyed(tmp_path, slots=20, tenant_limits=Limits(calls=1)) as server:
        server.keys.limit("acme", LimitsPart(calls=2))
        key = await server.key()
        for _ in range(2):
            await create(server, key)
        assert limit_of(await refused(create(server, key)))[:2] == ("calls_per_tenant", "2")
        server.keys.limit("acme", LimitsPart(calls=3))
        await server.keys.looked()
        await create(server, key)


async def test_creations_are_limited_by_the_minute_and_the_wait_is_told(tmp_path: Path) -> None:
    async with keyed(tmp_path, slots=20) as server:
        key = await server.key(limits=LimitsPart(creations_per_minute=1))
        made = await create(server, key)
        await end(server, key, made.connection_id)
        limit, most, wait_s = limit_of(await refused(create(server, key)))
        assert (limit, most) == ("creations_per_minute_per_key", "1")
        assert wait_s == pytest.approx(60.0)
        await server.api.world.clock.advance(60)
        await server.api.world.placer.heartbeat(HOST, EPOCH, 20)
        await create(server, key)


async def test_call_that_could_not_begin_counts_for_nothing(tmp_path: Path) -> None:
    async with keyed(tmp_path, slots=20) as server:
        key = await server.key(limits=LimitsPart(calls=1, creations_per_minute=1))
        server.api.world.rooms.creating.error = RoomUnreachable("away")
        for _ in range(3):
            assert (await refused(create(server, key))).code() is Code.UNAVAILABLE
        server.api.world.rooms.creating.recover()
        await create(server, key)


async def test_retry_of_a_request_counts_once(tmp_path: Path) -> None:
    async with keyed(tmp_path, slots=20) as server:
        key = await server.key(limits=LimitsPart(calls=1, creations_per_minute=1))
        made = await create(server, key, request_id="r")
        again = await create(server, key, request_id="r")
        assert again.connection_id == made.connection_id


async def test_agent_sent_into_a_room_counts_and_a_human_who_joins_does_not(
    tmp_path: Path,
) -> None:
    async with keyed(tmp_path, slots=20) as server:
        key = await server.key(limits=LimitsPart(calls=1))
        made = await create(server, key)
        asked = call_service_pb2.JoinRoomRequest(
            participant_name="Bob", agent_id="greeter", room_name=made.room_name
        )
        await server.api.calls.JoinRoom(asked, metadata=key)
        await server.api.world.rooms.create_foreign(named("lobby"))
        asked.room_name = "lobby"
        error = await refused(server.api.calls.JoinRoom(asked, metadata=key))
        assert limit_of(error)[0] == "calls_per_key"
