"""Who is let in, how long streams are theirs, and what is said in the log of the others."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bridge.access.key_file import LimitsPart
from bridge.access.principal import Limits, Scope
from bridge.api.server import Exposure
from bridge.v1 import call_service_pb2, telemetry_service_pb2, tool_service_pb2
from tests.unit.api.keyed import SIGNER, Keyed, Metadata, bearer, keyed
from tests.unit.api.rig import Api, end_of, reason_of, refused, status_of

Code = grpc.StatusCode
STATS = telemetry_service_pb2.GetStatsRequest()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Keyed]:
    async with keyed(tmp_path) as running:
        yield running


def telemetry(api: Api, credentials: Metadata) -> Any:
    asked = telemetry_service_pb2.StreamTelemetryRequest()
    return api.telemetry.StreamTelemetry(asked, metadata=credentials)


def limit_of(error: grpc.aio.AioRpcError) -> dict[str, str]:
    info = error_details_pb2.ErrorInfo()
    assert status_of(error).details[0].Unpack(info)
    return dict(info.metadata)


async def opened(server: Keyed, credentials: Metadata) -> Any:
    """Return a stream that has given its first figures."""
    stream = telemetry(server.api, credentials)
    reading = asyncio.ensure_future(stream.read())
    while not reading.done():
        await server.api.world.clock.advance(1)
    reading.result()
    return stream


async def test_key_and_token_let_in_for_what_their_scopes_say(server: Keyed) -> None:
    key = await server.key(scopes=[Scope.TELEMETRY_READ])
    token = bearer(SIGNER.token(scope="telemetry:read"))
    for credentials in (key, token):
        await server.api.telemetry.GetStats(STATS, metadata=credentials)
        asked = call_service_pb2.ListCallsRequest()
        error = await refused(server.api.calls.ListCalls(asked, metadata=credentials))
        assert (error.code(), reason_of(error)) == (Code.PERMISSION_DENIED, "MISSING_SCOPE")
        assert limit_of(error) == {"scope": "calls:read"}


async def test_admin_may_do_everything(server: Keyed) -> None:
    admin = await server.key(tenant=None, scopes=[Scope.ADMIN])
    await server.api.telemetry.GetStats(STATS, metadata=admin)
    await server.api.calls.ListCalls(call_service_pb2.ListCallsRequest(), metadata=admin)


async def test_stream_of_a_revoked_key_is_ended(server: Keyed) -> None:
    key, other = await server.key(), await server.key()
    stream, others = await opened(server, key), await opened(server, other)
    await server.revoke(key)
    error = await end_of(stream)
    assert (error.code(), reason_of(error)) == (Code.UNAUTHENTICATED, "CREDENTIALS_LAPSED")
    assert reason_of(await refused(telemetry(server.api, key).read())) == "KEY_REVOKED"
    assert not others.done()
    others.cancel()


async def test_stream_ends_when_its_key_expires(server: Keyed) -> None:
    expires_at = server.api.world.clock.now() + timedelta(seconds=600)
    key = await server.key(expires_at=expires_at)
    stream = await opened(server, key)
    await server.api.world.clock.advance(500)
    assert not stream.done()
    await server.api.world.clock.advance(100)
    error = await end_of(stream)
    assert (error.code(), reason_of(error)) == (Code.UNAUTHENTICATED, "CREDENTIALS_LAPSED")


async def test_two_way_stream_of_a_revoked_key_is_ended_too(server: Keyed) -> None:
    key = await server.key()
    stream = server.api.tools.ServeTools(metadata=key)
    registration = tool_service_pb2.ToolRegistration(tool_names=["t"], max_concurrent=1)
    await stream.write(tool_service_pb2.ServeToolsRequest(register=registration))
    assert (await stream.read()).HasField("registered")
    await server.revoke(key)
    assert reason_of(await end_of(stream)) == "CREDENTIALS_LAPSED"


@pytest.mark.parametrize(
    ("of_key", "of_tenant", "limit"),
    [(2, None, "streams_per_key"), (None, 2, "streams_per_tenant"), (7, 2, "streams_per_tenant")],
)
async def test_streams_are_limited_and_given_back(
    tmp_path: Path, of_key: int | None, of_tenant: int | None, limit: str
) -> None:
    async with keyed(tmp_path, tenant_limits=Limits(streams=of_tenant)) as server:
        key = await server.key(limits=LimitsPart(streams=of_key))
        first, second = await opened(server, key), await opened(server, key)
        error = await refused(telemetry(server.api, key).read())
        assert (error.code(), reason_of(error)) == (Code.RESOURCE_EXHAUSTED, "LIMIT_REACHED")
        assert limit_of(error) == {"limit": limit, "most": "2"}
        retry = error_details_pb2.RetryInfo()
        assert status_of(error).details[1].Unpack(retry)
        assert retry.retry_delay.seconds > 0
        # Nobody else is held up by that, nor are RPCs that are no streams.
        other = await opened(server, await server.key("other"))
        await server.api.telemetry.GetStats(STATS, metadata=key)
        first.cancel()
        await first.code()
        third = await opened(server, key)
        for stream in (second, third, other):
            stream.cancel()


async def test_streams_of_all_keys_of_a_tenant_count(tmp_path: Path) -> None:
    async with keyed(tmp_path, tenant_limits=Limits(streams=2)) as server:
        server.keys.limit("acme", LimitsPart(streams=1))
        key, other = await server.key(), await server.key()
        stream = await opened(server, key)
        error = await refused(telemetry(server.api, other).read())
        assert limit_of(error) == {"limit": "streams_per_tenant", "most": "1"}
        stream.cancel()


async def test_failures_are_logged_without_the_secret_and_not_without_end(
    server: Keyed, capsys: pytest.CaptureFixture[str]
) -> None:
    revoked = await server.key()
    await server.revoke(revoked)
    secret = revoked[0][1][28:]
    wrong = (revoked, bearer("not-a-key-at-all"), bearer(SIGNER.token(aud="elsewhere")), ())
    for _ in range(50):
        for credentials in wrong:
            await refused(server.api.telemetry.GetStats(STATS, metadata=credentials))
    shown = "".join(capsys.readouterr())
    assert 10 < shown.count("not authenticated") < 30
    assert shown.count("\n") < 30
    assert "KEY_REVOKED" in shown
    assert "InvalidAudienceError" in shown
    assert not any(text in shown for text in (secret, "not-a-key-at-all", "eyJ"))
    await server.api.world.clock.advance(60)
    await refused(server.api.telemetry.GetStats(STATS))
    assert "unlogged_before=18" in "".join(capsys.readouterr())


async def test_who_asks_is_in_the_log(server: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    await server.api.telemetry.GetStats(STATS, metadata=await server.key())
    assert "acme's gateway" in "".join(capsys.readouterr())


async def health(api: Api, credentials: Metadata = ()) -> None:
    stub = health_pb2_grpc.HealthStub(api.channel)
    await stub.Check(health_pb2.HealthCheckRequest(), metadata=credentials)
    watching = stub.Watch(health_pb2.HealthCheckRequest(), metadata=credentials)
    assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
    watching.cancel()


async def reflected(api: Api, credentials: Metadata = ()) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(api.channel)
    stream = stub.ServerReflectionInfo(metadata=credentials)
    await stream.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    assert (await stream.read()).list_services_response.service
    stream.cancel()


@pytest.mark.parametrize("ask", [health, reflected])
async def test_health_and_reflection_have_a_setting_of_their_own(tmp_path: Path, ask: Any) -> None:
    for number, exposure in enumerate(Exposure):
        path = tmp_path / str(number)
        path.mkdir()
        async with keyed(path, health=exposure, reflection=exposure) as server:
            key = await server.key(scopes=[Scope.TOOLS_SERVE])
            match exposure:
                case Exposure.OPEN:
                    await ask(server.api)
                case Exposure.AUTHENTICATED:
                    assert reason_of(await refused(ask(server.api))) == "NO_CREDENTIALS"
                    await ask(server.api, key)
                case Exposure.CLOSED:
                    assert (await refused(ask(server.api, key))).code() is Code.UNIMPLEMENTED
