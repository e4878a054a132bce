"""Two tenants, and every RPC with every wrong credential: there is nothing to see, or to touch."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from bridge.access.keys import ApiKey
from bridge.access.principal import Scope
from bridge.api import paging
from bridge.api.scopes import scope_of
from bridge.ids import ConnectionId, TenantId
from bridge.ports.placement import CallPosition
from bridge.v1 import admin_service_pb2, call_service_pb2, telemetry_service_pb2
from tests.fakes.agents import SILENT, SPEC, FakeAgents
from tests.fakes.clock import settle
from tests.fakes.issuer import Signer, forged
from tests.unit.api.descriptors import methods, path_of
from tests.unit.api.keyed import EVERY_SCOPE, SIGNER, Keyed, Metadata, bearer, keyed
from tests.unit.api.rig import reason_of, refused, status_of
from tests.unit.calls.desk import PRIVATE

Code = grpc.StatusCode
METHODS = {path_of(method): method for method in methods()}
EVERY_RPC = pytest.mark.parametrize("path", METHODS)
EVERY_TENANTS_RPC = pytest.mark.parametrize(
    "path", [path for path in METHODS if scope_of(path) is not Scope.ADMIN]
)

# Nobody else's word for anything, so that it is found wherever it gets out.
MARK = "acme-only-7d1f"
# What gets requests past the checks of their form.
PLAIN = {"participant_name": "Eve", "agent_id": "greeter", "tool_names": "t"}
_REQUEST = "acme-retry-1"
OF_ITS_OWN_STREAM = "tool_call_id"  # looked up among what that stream was asked for
OF_ITS_OWN_CALL = "command_id"  # looked up among what was asked of that call


@dataclass(slots=True)
class Acme:
    """A tenant with something to hide: an agent of its own, and a call with it."""

    server: Keyed
    key: Metadata
    call: call_service_pb2.CreateRoomResponse

    def secrets(self) -> list[str]:
        call = self.call
        return [call.connection_id, call.room_name, call.participant_id, call.access_token, MARK]

    def names(self) -> dict[str, str]:
        """Return what of this tenant a request can name, by the field that names it."""
        call, agent = self.call, str(PRIVATE.agent_id)
        return {
            "connection_id": call.connection_id,
            "connection_ids": call.connection_id,
            "prior_connection_id": call.connection_id,
            "room_name": call.room_name,
            "agent_id": agent,
            "agent_ids": agent,
            "request_id": _REQUEST,
            "page_token": page_token(call.connection_id),
        }

    def nothing(self) -> dict[str, str]:
        """Return names that are as long, and nobody's."""
        token = page_token(self.call.connection_id[::-1])
        return {name: value[::-1] for name, value in self.names().items()} | {"page_token": token}

    def own(self, method: MethodDescriptor) -> Message:
        """Return a request that is this tenant's to make."""
        if method.name == "SetLogLevel":
            return admin_service_pb2.SetLogLevelRequest(level=admin_service_pb2.LOG_LEVEL_ERROR)
        names = self.names()
        mine = {**PLAIN, **names, "request_id": "", "prior_connection_id": "", "page_token": ""}
        if method.name == "CreateRoom":
            mine["room_name"] = ""
        return filled(method.input_type, {name: value for name, value in mine.items() if value})

    async def status(self) -> call_service_pb2.GetConnectionStatusResponse:
        asked = call_service_pb2.GetConnectionStatusRequest(connection_id=self.call.connection_id)
        status = await self.server.api.calls.GetConnectionStatus(asked, metadata=self.key)
        assert isinstance(status, call_service_pb2.GetConnectionStatusResponse)
        return status


@pytest.fixture
async def acme(tmp_path: Path) -> AsyncIterator[Acme]:
    agents = FakeAgents(SILENT, PRIVATE, private={PRIVATE.agent_id: TenantId("acme")})
    async with keyed(tmp_path, agents=agents) as server:
        key = await server.key("acme")
        asked = call_service_pb2.CreateRoomRequest(
            participant_name=MARK,
            agent_id=PRIVATE.agent_id,
            metadata={"mark": MARK},
            request_id=_REQUEST,
        )
        call = await server.api.calls.CreateRoom(asked, metadata=key)
        assert call.call.tenant_id == "acme"
        server.api.world.livekit.enter(call.access_token)
        await settle()
        yield Acme(server, key, call)


def page_token(connection_id: str) -> str:
    asked = call_service_pb2.ListCallsRequest(tenant_id="acme")
    return paging.token(asked, CallPosition(SPEC.created_at, ConnectionId(connection_id)))


def strings_of(kind: Descriptor) -> Iterator[str]:
    """Yield the name of every string field of a request, at any depth."""
    for field in kind.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            yield field.name
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            yield from strings_of(field.message_type)


def filled(kind: Descriptor, values: dict[str, str]) -> Message:
    """Return a request in which every field of such a name has its value."""
    message = GetMessageClass(kind)()
    for field in kind.fields:
        if field.name == "register":  # of several things that can be sent, what comes first
            assert field.message_type is not None
            registration: Any = filled(field.message_type, values)
            registration.max_concurrent = 1
            getattr(message, field.name).CopyFrom(registration)
        elif field.name == "interrupt":  # of several commands, the one that needs nothing more
            getattr(message, field.name).SetInParent()
        elif field.name in values and field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                getattr(message, field.name).append(values[field.name])
            else:
                setattr(message, field.name, values[field.name])
    return message


async def ask(server: Keyed, method: MethodDescriptor, request: Message, with_: Metadata) -> bytes:
    """Return the answer; of a stream its first message.

    :raises grpc.aio.AioRpcError: it was refused.
    """
    channel: Any = server.api.channel
    raw, path = request.SerializeToString(), path_of(method)
    if not method.server_streaming:
        return bytes(await channel.unary_unary(path)(raw, metadata=with_))
    if method.client_streaming:
        stream = channel.stream_stream(path)(metadata=with_)
        await asyncio.wait({asyncio.ensure_future(stream.write(raw))})
    else:
        stream = channel.unary_stream(path)(raw, metadata=with_)
    reading = asyncio.ensure_future(stream.read())
    while not reading.done():
        await server.api.world.clock.advance(1)
    answer = bytes(reading.result())
    stream.cancel()
    return answer


async def let_in(acme: Acme, method: MethodDescriptor, request: Message, with_: Metadata) -> bytes:
    """Return what is said to whom the call is shown: DeleteCallData asks for its end first."""
    if method.name != "DeleteCallData":
        return await ask(acme.server, method, request, with_)
    error = await refused(ask(acme.server, method, request, with_))
    assert (error.code(), reason_of(error)) == (Code.FAILED_PRECONDITION, "CALL_NOT_ENDED")
    return bytes(status_of(error).SerializeToString())


async def wrong_credentials(server: Keyed) -> dict[str, tuple[Metadata, str]]:
    """Return all that must not let in, and the reason that is given."""
    good = await server.key("acme")
    revoked = await server.key("acme")
    await server.revoke(revoked)
    expired = await server.key("acme", expires_at=server.api.world.clock.now())
    secret = good[0][1]
    invalid = "INVALID_CREDENTIALS"
    key = SIGNER.key_id
    return {
        "none": ((), "NO_CREDENTIALS"),
        "in another header": ((("x-api-key", secret),), "NO_CREDENTIALS"),
        "empty": ((("authorization", ""),), invalid),
        "without a bearer": ((("authorization", secret.removeprefix("Bearer ")),), invalid),
        "basic": ((("authorization", "Basic YTpi"),), invalid),
        "two at once": ((*good, *good), invalid),
        "malformed key": (bearer("mbk_nothing"), invalid),
        "unknown key": (bearer(ApiKey.make().reveal()), invalid),
        "key of another's id": (bearer(secret[7:28] + ApiKey.make().secret), invalid),
        "key with more behind it": ((("authorization", f"{secret}x"),), invalid),
        "revoked key": (revoked, "KEY_REVOKED"),
        "expired key": (expired, "KEY_EXPIRED"),
        "no token": (bearer("a.b.c"), invalid),
        "token for others": (bearer(SIGNER.token(aud="others")), invalid),
        "token of another issuer": (bearer(SIGNER.token(iss="https://evil.test")), invalid),
        "unsigned token": (bearer(forged({"alg": "none", "kid": key})), invalid),
        "token signed with the public key": (
            bearer(forged({"alg": "HS256", "kid": key}, SIGNER.public_pem())),
            invalid,
        ),
        "token of an unknown key": (bearer(Signer("k2").token()), invalid),
        "token signed by another": (bearer(Signer(key).token()), invalid),
        "token that will be good": (bearer(SIGNER.token(nbf=time.time() + 300)), invalid),
        "expired token": (bearer(SIGNER.token(exp=time.time() - 60)), "TOKEN_EXPIRED"),
    }


def test_all_that_a_request_can_name_is_tried(acme: Acme) -> None:
    named = {
        name
        for method in METHODS.values()
        for name in strings_of(method.input_type)
        if name.endswith(("_id", "_ids", "_token", "room_name"))
    }
    own = {"tenant_id", OF_ITS_OWN_STREAM, OF_ITS_OWN_CALL}
    assert named == {*acme.names(), *own}, "say what a stranger would try"


@EVERY_RPC
async def test_nobody_gets_in_with_wrong_credentials(acme: Acme, path: str) -> None:
    method = METHODS[path]
    request = filled(method.input_type, {**PLAIN, **acme.names()})
    before = await acme.status()
    for name, (credentials, reason) in (await wrong_credentials(acme.server)).items():
        error = await refused(ask(acme.server, method, request, credentials))
        assert (error.code(), reason_of(error)) == (Code.UNAUTHENTICATED, reason), name
        assert not any(secret in str(error) for secret in acme.secrets())
    assert (await acme.status()).call.state == before.call.state
    assert await acme.server.api.desk.listed() == 1


async def test_agents_of_a_tenant_are_listed_to_it_alone(acme: Acme) -> None:
    listed = acme.server.api.calls.ListAgents
    asked = call_service_pb2.ListAgentsRequest()
    own = await listed(asked, metadata=acme.key)
    others = await listed(asked, metadata=await acme.server.key("zenith"))
    assert [agent.agent_id for agent in own.agents] == [SILENT.agent_id, PRIVATE.agent_id]
    assert [agent.agent_id for agent in others.agents] == [SILENT.agent_id]


@EVERY_RPC
async def test_good_credentials_without_a_tenant_let_nobody_in(acme: Acme, path: str) -> None:
    method = METHODS[path]
    token = bearer(SIGNER.token(tenant=None, scope=" ".join(scope.value for scope in EVERY_SCOPE)))
    error = await refused(ask(acme.server, method, GetMessageClass(method.input_type)(), token))
    assert (error.code(), reason_of(error)) == (Code.PERMISSION_DENIED, "NO_TENANT")


@EVERY_RPC
async def test_scopes_other_than_its_own_do_not_open_an_rpc(acme: Acme, path: str) -> None:
    method, needed = METHODS[path], scope_of(path)
    assert needed is not None
    request = acme.own(method)
    others = await acme.server.key("acme", scopes=EVERY_SCOPE - {needed})
    error = await refused(ask(acme.server, method, request, others))
    assert (error.code(), reason_of(error)) == (Code.PERMISSION_DENIED, "MISSING_SCOPE")
    # And its own is enough, as is the admin's; what is about the whole server is no tenant's.
    tenant = None if needed is Scope.ADMIN else "acme"
    for scope in (needed, Scope.ADMIN):
        await let_in(acme, method, request, await acme.server.key(tenant, scopes=[scope]))
    if tenant is None:
        bound = await acme.server.key("acme", scopes=[Scope.ADMIN])
        error = await refused(ask(acme.server, method, request, bound))
        assert (error.code(), reason_of(error)) == (Code.PERMISSION_DENIED, "TENANT_BOUND")


@pytest.mark.parametrize(
    "path",
    [path for path, method in METHODS.items() if "tenant_id" in strings_of(method.input_type)],
)
async def test_other_tenants_name_cannot_be_given(acme: Acme, path: str) -> None:
    method = METHODS[path]
    other = await acme.server.key("other")
    request = filled(method.input_type, {**PLAIN, "room_name": "r", "tenant_id": "acme"})
    error = await refused(ask(acme.server, method, request, other))
    assert (error.code(), reason_of(error)) == (Code.PERMISSION_DENIED, "OTHER_TENANT")
    assert await acme.server.api.desk.listed() == 1


def references() -> list[tuple[str, str]]:
    return [
        (path, name)
        for path, method in METHODS.items()
        for name in dict.fromkeys(strings_of(method.input_type))
        if name.endswith(("_id", "_ids", "_token", "room_name"))
        and name not in {"tenant_id", OF_ITS_OWN_STREAM, OF_ITS_OWN_CALL}
        # All rooms have one LiveKit's names: that one is taken cannot be hidden. docs/security.md
        and (method.name, name) != ("CreateRoom", "room_name")
    ]


@pytest.mark.parametrize(("path", "name"), references())
async def test_what_is_another_tenants_is_as_if_it_were_not_there(
    acme: Acme, path: str, name: str
) -> None:
    method, server = METHODS[path], acme.server
    other = await server.key("other")
    before = await acme.status()
    answers = []
    for value in (acme.names()[name], acme.nothing()[name]):
        request = filled(method.input_type, {**PLAIN, name: value})
        try:
            answer = await ask(server, method, request, other)
        except grpc.aio.AioRpcError as error:
            answers.append(str(status_of(error)).replace(value, "<it>"))
        else:
            assert not any(secret.encode() in answer for secret in acme.secrets())
            answers.append("answered")
    assert answers[0] == answers[1]
    after = await acme.status()
    assert (after.call.state, after.call.last_sequence) == (
        before.call.state,
        before.call.last_sequence,
    )


async def test_totals_and_figures_of_a_tenant_hold_nothing_of_the_others(acme: Acme) -> None:
    server = acme.server
    stats = telemetry_service_pb2.GetStatsRequest()
    other = await server.key("other")
    seen = await server.api.telemetry.GetStats(stats, metadata=other)
    assert (seen.active_rooms, seen.active_connections, seen.calls_created) == (0, 0, 0)
    assert (seen.slots_total, seen.slots_free) == (4, 4)
    own = await server.api.telemetry.GetStats(stats, metadata=acme.key)
    assert (own.active_connections, own.calls_created, own.slots_free) == (1, 1, 3)
    asked = call_service_pb2.CreateRoomRequest(participant_name="Bob", agent_id="greeter")
    made = await server.api.calls.CreateRoom(asked, metadata=other)
    assert made.capacity_remaining == 3
    asked_end = call_service_pb2.EndCallRequest(connection_id=made.connection_id)
    await server.api.calls.EndCall(asked_end, metadata=other)
    seen = await server.api.telemetry.GetStats(stats, metadata=other)
    assert seen.calls_ended == {"END_REASON_API_ENDED": 1}
    own = await server.api.telemetry.GetStats(stats, metadata=acme.key)
    assert own.calls_ended == {}
    whole = await server.api.telemetry.GetStats(stats, metadata=await server.key(None))
    assert (whole.active_connections, whole.calls_created, whole.slots_free) == (1, 2, 3)


async def test_lag_of_the_process_is_no_tenants_business(acme: Acme) -> None:
    for credentials, told in ((acme.key, False), (await acme.server.key(None), True)):
        asked = telemetry_service_pb2.StreamTelemetryRequest(connection_id=acme.call.connection_id)
        stream = acme.server.api.telemetry.StreamTelemetry(asked, metadata=credentials)
        reading = asyncio.ensure_future(stream.read())
        while not reading.done():
            await acme.server.api.world.clock.advance(1)
        (sample,) = reading.result().samples
        assert sample.HasField("loop_lag") is told
        stream.cancel()


@EVERY_TENANTS_RPC
async def test_tenant_is_the_keys_where_a_request_names_none(acme: Acme, path: str) -> None:
    method = METHODS[path]
    for credentials in (acme.key, bearer(SIGNER.token(scope="admin"))):
        answer = await let_in(acme, method, acme.own(method), credentials)
        if "connection_id" in strings_of(method.input_type):
            assert acme.call.connection_id.encode() in answer


async def test_key_of_all_tenants_sees_every_call(acme: Acme) -> None:
    platform = await acme.server.key(None)
    status = call_service_pb2.GetConnectionStatusRequest(connection_id=acme.call.connection_id)
    seen = await acme.server.api.calls.GetConnectionStatus(status, metadata=platform)
    assert seen.call.tenant_id == "acme"
    expires_soon = acme.server.api.world.clock.now() + timedelta(seconds=1000)
    other = await acme.server.key("other", expires_at=expires_soon)
    listed = call_service_pb2.ListCallsRequest()
    calls = acme.server.api.calls
    assert len((await calls.ListCalls(listed, metadata=platform)).calls) == 1
    assert len((await calls.ListCalls(listed, metadata=other)).calls) == 0
