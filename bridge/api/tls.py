"""The listener's certificates: read, checked, and replaced while it listens."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.errors import BridgeError
from bridge.files.changes import WatchedFiles
from bridge.logs import get_logger
from bridge.ports.clock import Clock

# Certificates are renewed days ahead of their end, by files written one after the other.
WATCH_EVERY_S: Final = 5.0

_log = get_logger(__name__)


class BadCertificates(BridgeError):
    """The files make no certificate to serve with."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files. With `client_ca`, clients must show a certificate that it vouches for."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None

    def paths(self) -> list[Path]:
        return [
            path
            for path in (self.certificate, self.private_key, self.client_ca)
            if path is not None
        ]


class Certificates:
    """Certificates for new connections; those that stand keep theirs.

    Files that do not fit each other change nothing: one of them is likely to be on its way.
    """

    def __init__(self, files: CertificateFiles, clock: Clock) -> None:
        """Read the files. Blocks.

        :raises BadCertificates: they cannot be used.
        """
        self._files = files
        self._clock = clock
        self._watched = WatchedFiles(*files.paths())
        self._watched.have_changed()
        self._now = _configuration(files, clock.now())

    async def watch(self) -> NoReturn:
        """Read the files whenever one of them has changed, until cancelled."""
        while True:
            await self._clock.sleep(WATCH_EVERY_S)
            if await asyncio.to_thread(self._watched.have_changed):
                await self._reload()

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a listener is made with; it takes up whatever is loaded later."""
        # Called by grpc's own threads with every handshake: it must not read files.
        return grpc.dynamic_ssl_server_credentials(
            self._now,
            lambda: self._now,
            require_client_authentication=self._files.client_ca is not None,
        )

    async def _reload(self) -> None:
        try:
            self._now = await asyncio.to_thread(_configuration, self._files, self._clock.now())
        except BadCertificates as error:
            _log.error("certificates not reloaded", problem=str(error))


def expiry_of(files: CertificateFiles, now: datetime) -> datetime:
    """Return until when the files can be served with. Blocks.

    :raises BadCertificates: they cannot.
    """
    _configuration(files, now)
    return _certificates(_read(files.certificate), files.certificate)[0].not_valid_after_utc


def _configuration(files: CertificateFiles, now: datetime) -> grpc.ServerCertificateConfiguration:
    chain, private_key = _read(files.certificate), _read(files.private_key)
    leaf = _certificates(chain, files.certificate)[0]
    if _private_key(private_key, files.private_key).public_key() != leaf.public_key():
        raise BadCertificates(f"{files.private_key}: is not the key of {files.certificate}")
    if leaf.not_valid_after_utc <= now.astimezone(UTC):
        raise BadCertificates(f"{files.certificate}: has expired")
    clients = None
    if files.client_ca is not None:
        clients = _read(files.client_ca)
        _certificates(clients, files.client_ca)
    _log.info("certificate loaded", expires_at=leaf.not_valid_after_utc)
    return grpc.ssl_server_certificate_configuration([(private_key, chain)], clients)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificates(f"{path}: cannot be read: {error.strerror}") from error


def _certificates(pem: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadCertificates(f"{path}: holds no PEM certificate") from error


def _private_key(pem: bytes, path: Path) -> EllipticCurvePrivateKey | RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise BadCertificates(f"{path}: holds no PEM key, or one with a password") from error
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise BadCertificates(f"{path}: must be an RSA or an EC key, which all clients know")
    return key
