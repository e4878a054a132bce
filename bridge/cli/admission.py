"""How is it put together, from the settings, who is let in and by which certificate?"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from bridge.access.access import Access
from bridge.access.jwks import BadJwks, Jwks, JwksFile, JwksUrl
from bridge.access.keyring import Keyring
from bridge.access.principal import Limits
from bridge.access.tokens import TokenChecker, TokenRules
from bridge.addresses import is_local
from bridge.api.guard import Guard
from bridge.api.server import Exposure, Listener
from bridge.api.tls import CertificateFiles, Certificates
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.settings.listening import ListenSettings

_log = get_logger(__name__)

_URL: Final = "://"


@asynccontextmanager
async def guarding(settings: ListenSettings, clock: Clock) -> AsyncIterator[Guard]:
    """Check credentials by what the settings name, and follow its changes.

    :raises BadKeyFile: the file of keys cannot be used.
    :raises BadJwks: the file of a JWKS cannot be used; a URL may answer later.
    """
    keyring = _keyring(settings, clock)
    jwks = await _jwks(settings, clock)
    tokens = None if jwks is None else TokenChecker(jwks, _rules(settings), _key_limits(settings))
    guard = Guard(Access(keyring, tokens, _tenant_limits(settings)), clock)
    changes: dict[str, Coroutine[Any, Any, NoReturn]] = {}
    if keyring is not None:
        changes["key file"] = keyring.watch(guard.keys_changed)
    if jwks is not None:
        changes["jwks"] = jwks.watch()
    async with _following(changes):
        yield guard


@asynccontextmanager
async def listener(settings: ListenSettings, clock: Clock) -> AsyncIterator[Listener]:
    """Load the certificates, where there are any, and follow their changes.

    :raises BadCertificates: they cannot be used.
    """
    if not settings.has_tls and not is_local(settings.listen):
        _log.warning("calls can be overheard: there is no TLS", address=settings.listen)
    credentials = None
    changes: dict[str, Coroutine[Any, Any, NoReturn]] = {}
    if settings.tls_cert is not None and settings.tls_key is not None:
        files = CertificateFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        certificates = Certificates(files, clock)
        credentials = certificates.credentials()
        changes["certificates"] = certificates.watch()
    async with _following(changes):
        yield Listener(
            settings.listen,
            credentials,
            health=Exposure(settings.health),
            reflection=Exposure(settings.reflection_exposure),
        )


@asynccontextmanager
async def _following(changes: Mapping[str, Coroutine[Any, Any, NoReturn]]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(change, name=name) for name, change in changes.items()]
        yield
        for task in tasks:
            task.cancel()


def _keyring(settings: ListenSettings, clock: Clock) -> Keyring | None:
    if settings.keys_file is None:
        return None
    keyring = Keyring(settings.keys_file, clock, _key_limits(settings))
    keyring.load()
    return keyring


async def _jwks(settings: ListenSettings, clock: Clock) -> Jwks | None:
    source = settings.jwt_jwks
    if source is None:
        return None
    if _URL not in source:
        jwks = Jwks(JwksFile(Path(source)), clock)
        await jwks.refresh()
        return jwks
    jwks = Jwks(JwksUrl(source), clock)
    try:
        await jwks.refresh()
    except BadJwks as error:
        # The issuer may come later than we do; until then tokens are answered UNAVAILABLE.
        _log.warning("jwks not loaded", problem=str(error))
    return jwks


def _rules(settings: ListenSettings) -> TokenRules:
    return TokenRules(
        issuer=settings.jwt_issuer or "",
        audience=settings.jwt_audience or "",
        tenant_claim=settings.jwt_tenant_claim,
        scope_claim=settings.jwt_scope_claim,
    )


def _key_limits(settings: ListenSettings) -> Limits:
    return Limits(settings.key_calls, settings.key_creations, settings.key_streams)


def _tenant_limits(settings: ListenSettings) -> Limits:
    return Limits(settings.tenant_calls, settings.tenant_creations, settings.tenant_streams)
