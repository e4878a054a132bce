"""Certificates on a real socket: which connections stand, and what a change of files does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from bridge.api import server
from bridge.api.tls import WATCH_EVERY_S, BadCertificates, CertificateFiles, Certificates
from bridge.v1.telemetry_service_pb2 import GetStatsRequest
from bridge.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from tests.fakes.certificates import Authority, Pair
from tests.fakes.clock import FakeClock, settle
from tests.unit.api.rig import free_address, open_guard, services
from tests.unit.calls.desk import desk_over
from tests.unit.calls.rig import World

AUTHORITY = Authority("ours")
STRANGER = Authority("a stranger's")


class Now(FakeClock):
    """Stands still today: certificates are made for today."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class Tls:
    """A server with certificates, and their files."""

    files: CertificateFiles
    clock: FakeClock
    address: str

    async def looked(self) -> None:
        """Let the next look at the files come, which is taken in a thread."""
        await self.clock.advance(WATCH_EVERY_S)
        for _ in range(10):
            # Stands in the same queue as the look and the reading do.
            await asyncio.to_thread(lambda: None)
            await settle()

    async def lets_in(self, trusted: Authority, client: Pair | None = None) -> bool:
        """Tell whether a new connection stands that trusts this authority."""
        credentials = grpc.ssl_channel_credentials(
            trusted.pem,
            client.key if client else None,
            client.certificate if client else None,
        )
        # Of its own: connections are shared between channels otherwise.
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.secure_channel(self.address, credentials, options) as channel:
            stub = TelemetryServiceStub(channel)
            try:
                await stub.GetStats(GetStatsRequest(), timeout=5)
            except grpc.aio.AioRpcError as error:
                return error.code() is not grpc.StatusCode.UNAVAILABLE
            return True


def in_files(path: Path, pair: Pair, client_ca: bytes | None = None) -> CertificateFiles:
    files = CertificateFiles(
        path / "tls.crt", path / "tls.key", path / "clients.crt" if client_ca else None
    )
    pair.write(files.certificate, files.private_key)
    if client_ca and files.client_ca:
        files.client_ca.write_bytes(client_ca)
    return files


@asynccontextmanager
async def serving(files: CertificateFiles) -> AsyncIterator[Tls]:
    clock, address = Now(), free_address()
    certificates = Certificates(files, clock)
    where = server.Listener(address, certificates.credentials())
    async with (
        desk_over(World()) as desk,
        server.serve(services(desk), where, open_guard(desk)),
        asyncio.TaskGroup() as tasks,
    ):
        watching = tasks.create_task(certificates.watch(), name="certificates")
        await settle()
        yield Tls(files, clock, address)
        watching.cancel()


async def test_connection_is_secret_and_the_server_proves_itself(tmp_path: Path) -> None:
    async with serving(in_files(tmp_path, AUTHORITY.issue())) as tls:
        assert await tls.lets_in(AUTHORITY)
        assert not await tls.lets_in(STRANGER)
        async with grpc.aio.insecure_channel(tls.address) as channel:
            asking = TelemetryServiceStub(channel).GetStats(GetStatsRequest(), timeout=5)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await asking
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_client_must_prove_itself_where_an_authority_for_clients_is_given(
    tmp_path: Path,
) -> None:
    clients = Authority("clients")
    async with serving(in_files(tmp_path, AUTHORITY.issue(), clients.pem)) as tls:
        assert await tls.lets_in(AUTHORITY, clients.issue())
        assert not await tls.lets_in(AUTHORITY)
        assert not await tls.lets_in(AUTHORITY, STRANGER.issue())
        assert not await tls.lets_in(AUTHORITY, AUTHORITY.issue())


async def test_new_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    async with serving(in_files(tmp_path, AUTHORITY.issue())) as tls:
        assert await tls.lets_in(AUTHORITY)
        STRANGER.issue().write(tls.files.certificate, tls.files.private_key)
        await tls.looked()
        assert await tls.lets_in(STRANGER)
        assert not await tls.lets_in(AUTHORITY)


async def test_new_authority_for_clients_is_taken_up(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    async with serving(in_files(tmp_path, AUTHORITY.issue(), old.pem)) as tls:
        assert tls.files.client_ca is not None
        tls.files.client_ca.write_bytes(new.pem)
        await tls.looked()
        assert await tls.lets_in(AUTHORITY, new.issue())
        assert not await tls.lets_in(AUTHORITY, old.issue())


async def test_certificate_whose_key_is_still_to_come_is_not_served(tmp_path: Path) -> None:
    async with serving(in_files(tmp_path, AUTHORITY.issue())) as tls:
        renewed = STRANGER.issue()
        tls.files.certificate.write_bytes(renewed.certificate)
        await tls.looked()
        assert await tls.lets_in(AUTHORITY)
        tls.files.private_key.write_bytes(renewed.key)
        await tls.looked()
        assert await tls.lets_in(STRANGER)


async def test_files_that_are_gone_change_nothing(tmp_path: Path) -> None:
    async with serving(in_files(tmp_path, AUTHORITY.issue())) as tls:
        tls.files.certificate.unlink()
        await tls.looked()
        assert await tls.lets_in(AUTHORITY)


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (Pair(b"x", AUTHORITY.issue().key), "tls.crt: holds no PEM certificate"),
        (Pair(AUTHORITY.issue().certificate, b"x"), "tls.key: holds no PEM key"),
        (Pair(AUTHORITY.issue().certificate, AUTHORITY.issue().key), "tls.key: is not the key"),
        (AUTHORITY.issue(password=b"secret"), "tls.key: holds no PEM key, or one with a password"),
        (AUTHORITY.issue(key=ed25519.Ed25519PrivateKey.generate()), "tls.key: must be an RSA"),
        (
            AUTHORITY.issue(expires_at=datetime.now(UTC) - timedelta(hours=1)),
            "tls.crt: has expired",
        ),
    ],
)
def test_what_cannot_be_served_with_is_refused_at_the_start(
    tmp_path: Path, pair: Pair, problem: str
) -> None:
    with pytest.raises(BadCertificates, match=problem):
        Certificates(in_files(tmp_path, pair), Now())


def test_authority_for_clients_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(BadCertificates, match=r"clients.crt: holds no PEM certificate"):
        Certificates(in_files(tmp_path, AUTHORITY.issue(), b"x"), Now())


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = CertificateFiles(tmp_path / "tls.crt", tmp_path / "tls.key")
    with pytest.raises(BadCertificates, match=r"tls.crt: cannot be read: No such file"):
        Certificates(missing, Now())
