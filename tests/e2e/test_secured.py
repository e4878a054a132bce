"""A real server with certificates, keys and tenants, and commands that get past them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from bridge.client import (
    BridgeClient,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from bridge.simulator import Simulator
from tests.e2e.rig import (
    SOON_S,
    BridgeProcess,
    bridge_process,
    ended,
    free_port,
    hears,
    joined,
    ready,
    silence,
)
from tests.fakes.certificates import Authority, Pair
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = pytest.mark.e2e


async def command(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run mediabridge; return its status and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge.cli.main", *arguments),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SOON_S):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@dataclass(slots=True)
class Secured:
    """A server to which one must prove oneself twice: by a certificate, and by a key."""

    process: BridgeProcess
    path: Path
    authority: Authority
    client: Pair

    @property
    def keys_file(self) -> dict[str, str]:
        return {"MEDIABRIDGE_KEYS_FILE": str(self.path / "keys.json")}

    async def new_key(self, *arguments: str) -> str:
        status, out, err = await command("keys", "create", *arguments, **self.keys_file)
        assert status == 0, err
        return out.strip()

    async def revoke(self, key: str) -> None:
        status, _, err = await command("keys", "revoke", key[4:20], **self.keys_file)
        assert status == 0, err

    async def watch(self, key: str, *arguments: str) -> tuple[int, str, str]:
        """Run the command, with everything that it shows in files."""
        (self.path / "key").write_text(key)
        (self.path / "ca.crt").write_bytes(self.authority.pem)
        self.client.write(self.path / "own.crt", self.path / "own.key")
        return await command(
            *("watch", "--server", self.process.address, *arguments),
            MEDIABRIDGE_API_KEY_FILE=str(self.path / "key"),
            MEDIABRIDGE_SERVER_CA=str(self.path / "ca.crt"),
            MEDIABRIDGE_CLIENT_CERT=str(self.path / "own.crt"),
            MEDIABRIDGE_CLIENT_KEY=str(self.path / "own.key"),
        )

    def connect(
        self, key: str, *, authority: Authority | None = None, client: Pair | None = None
    ) -> BridgeClient:
        credentials = _credentials(authority or self.authority, client or self.client)
        return BridgeClient(self.process.address, api_key=key, credentials=credentials)


def _credentials(authority: Authority, client: Pair) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(authority.pem, client.key, client.certificate)


@pytest.fixture
async def secured(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[Secured]:
    authority, clients = Authority("servers"), Authority("clients")
    client = clients.issue()
    authority.issue().write(tmp_path / "tls.crt", tmp_path / "tls.key")
    (tmp_path / "clients.crt").write_bytes(clients.pem)
    status, _, err = await command(
        *("keys", "--file", str(tmp_path / "keys.json"), "limit", "small", "--calls", "0")
    )
    assert status == 0, err
    async with bridge_process(
        livekit_server,
        simulator.url,
        tmp_path / "bridge.log",
        _credentials(authority, client),
        MEDIABRIDGE_TLS_CERT=str(tmp_path / "tls.crt"),
        MEDIABRIDGE_TLS_KEY=str(tmp_path / "tls.key"),
        MEDIABRIDGE_TLS_CLIENT_CA=str(tmp_path / "clients.crt"),
        MEDIABRIDGE_KEYS_FILE=str(tmp_path / "keys.json"),
    ) as process:
        yield Secured(process, tmp_path, authority, client)


_EVERYTHING = ("--scope", "calls:create", "--scope", "calls:read", "--scope", "calls:control")


async def _known(client: BridgeClient) -> None:
    """Wait until the server has seen the file in which the client's key is."""
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                await client.status("no-such-call")
            except UnauthenticatedError:
                await asyncio.sleep(0.2)  # the server looks every two seconds
            except (NotFoundError, PermissionDeniedError):
                return


async def test_call_of_one_tenant_is_heard_and_is_not_there_for_another(secured: Secured) -> None:
    acme = await secured.new_key("--name", "acme", "--tenant", "acme", *_EVERYTHING)
    other = await secured.new_key("--name", "other", "--tenant", "other", *_EVERYTHING)
    small = await secured.new_key("--name", "small", "--tenant", "small", *_EVERYTHING)
    async with secured.connect(acme) as client, secured.connect(other) as stranger:
        await _known(client)
        made = await client.create_room("Ada", "tester")
        assert made.call.tenant_id == "acme"
        async with joined(made) as caller:
            await ready(client, made.connection_id)
            await caller.play(tone(440.0, 700) + silence(500))
            await hears(caller, 880.0)
            with pytest.raises(NotFoundError):
                await stranger.end_call(made.connection_id)
            assert [call async for call in stranger.list_calls()] == []
            own = [call.connection_id async for call in client.list_calls()]
            assert own == [made.connection_id]
        await ended(client, made.connection_id)
        status, shown, said = await secured.watch(acme, made.connection_id)
        assert (status, said) == (0, "")
        assert made.connection_id in shown
        with pytest.raises(PermissionDeniedError, match="telemetry:read"):
            await client.stats()
    async with secured.connect(small) as client:
        with pytest.raises(ResourceExhaustedError) as full:
            await client.create_room("Ada", "tester")
        assert full.value.metadata["limit"] == "calls_per_tenant"
    log = secured.process.log.read_text()
    assert not any(key[21:] in log for key in (acme, other, small))


async def test_stream_ends_with_its_key(secured: Secured) -> None:
    key = await secured.new_key("--name", "k", "--tenant", "acme", "--scope", "telemetry:read")
    interval = timedelta(milliseconds=100)
    async with secured.connect(key) as client:
        await _known(client)
        async with (
            asyncio.timeout(SOON_S),
            aclosing(client.telemetry(interval=interval)) as figures,
        ):
            await anext(figures)
            await secured.revoke(key)
            with pytest.raises(UnauthenticatedError) as lapsed:
                async for _ in figures:
                    pass
        assert lapsed.value.reason == "CREDENTIALS_LAPSED"
    status, _, said = await secured.watch(key)
    assert status == 1
    assert "KEY_REVOKED" in said


async def test_certificate_is_renewed_while_the_server_runs(secured: Secured) -> None:
    key = await secured.new_key("--name", "k", "--all-tenants", "--scope", "telemetry:read")
    renewed = Authority("renewed")
    async with secured.connect(key, client=renewed.issue()) as stranger:
        with pytest.raises(UnavailableError):
            await stranger.stats()
    renewed.issue().write(secured.path / "tls.crt", secured.path / "tls.key")
    async with asyncio.timeout(SOON_S):
        while True:
            async with secured.connect(key, authority=renewed) as client:
                try:
                    assert (await client.stats()).slots_total > 0
                except UnavailableError:
                    await asyncio.sleep(0.5)  # the server looks every five seconds
                else:
                    break


async def test_server_that_is_half_secured_does_not_start(tmp_path: Path) -> None:
    everywhere = {
        "MEDIABRIDGE_LISTEN": f"0.0.0.0:{free_port()}",
        "MEDIABRIDGE_STORE_URL": "memory:",
        "LIVEKIT_ENABLED": "false",
        "OPENAI_API_KEY": "sk-test",
    }
    status, _, said = await command("serve", **everywhere)
    assert status == 1
    assert "no TLS" in said
    Authority("a").issue().write(tmp_path / "tls.crt", tmp_path / "tls.key")
    certificate = {
        "MEDIABRIDGE_TLS_CERT": str(tmp_path / "tls.crt"),
        "MEDIABRIDGE_TLS_KEY": str(tmp_path / "tls.key"),
    }
    status, _, said = await command("serve", **everywhere, **certificate)
    assert status == 1
    assert "no authentication" in said
    keys = {"MEDIABRIDGE_KEYS_FILE": str(tmp_path / "keys.json")}
    status, _, said = await command("serve", **everywhere, **certificate, **keys)
    assert status == 1
    assert "keys.json: cannot be read" in said
