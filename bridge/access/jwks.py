"""Which public keys are tokens checked by: a JWKS of a file or URL, kept and refreshed."""

import asyncio
import json
from pathlib import Path
from typing import Final, NoReturn, Protocol

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bridge.errors import BridgeError, Unavailable
from bridge.logs import get_logger
from bridge.ports.clock import Clock

# Issuers announce keys ahead of using them; one they withdraw is trusted for no longer than this.
REFRESH_S: Final = 300.0
# A key that is not known may be new. Whoever makes up key ids causes no more fetches than this.
RETRY_S: Final = 10.0

_FETCH_S: Final = 5.0
_MAX_BYTES: Final = 1024 * 1024
# Shorter ones are refused by NIST since 2013.
_MIN_RSA_BITS: Final = 2048

_log = get_logger(__name__)


class BadJwks(BridgeError):
    """There are no keys to check tokens by."""


class JwksSource(Protocol):
    """Where a JWKS is read."""

    async def read(self) -> bytes:
        """
        :raises BadJwks: it cannot be read; the message says why.
        """
        ...


class JwksFile:
    """Implements JwksSource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes:
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            raise BadJwks(f"{self._path}: cannot be read: {error.strerror}") from error


class JwksUrl:
    """Implements JwksSource. Follows no redirect: keys come from where the operator says."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=_FETCH_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise BadJwks(f"{self._url}: answered {answer.status}")
                return await _bounded(answer.content, self._url)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BadJwks(f"{self._url}: {type(error).__name__}") from error


class Jwks:
    """Public keys by their id. While they cannot be had again, the last ones are used."""

    def __init__(self, source: JwksSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] | None = None
        self._asked_at_s = -RETRY_S
        self._refreshing = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key of this id, asking again where it is not known; None: there is none.

        :raises Unavailable: there never were any keys.
        """
        if self._keys is None or key_id not in self._keys:
            await self._refresh_if_due()
        if self._keys is None:
            raise Unavailable("JWKS_UNAVAILABLE", "tokens cannot be checked at the moment", RETRY_S)
        return self._keys.get(key_id)

    async def refresh(self) -> None:
        """Read the keys again.

        :raises BadJwks: they cannot be had; those there were are kept.
        """
        self._asked_at_s = self._clock.monotonic_s()
        keys = _usable(await self._source.read())
        if self._keys is None or keys.keys() != self._keys.keys():
            _log.info("jwks loaded", count=len(keys))
        self._keys = keys

    async def watch(self) -> NoReturn:
        """Refresh now and then, until cancelled."""
        while True:
            await self._clock.sleep(REFRESH_S)
            await self._try_refresh()

    async def _refresh_if_due(self) -> None:
        # Whoever waited for somebody else's refresh is content with that.
        async with self._refreshing:
            if self._clock.monotonic_s() - self._asked_at_s >= RETRY_S:
                await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except BadJwks as error:
            _log.warning("jwks not refreshed", problem=str(error))


async def _bounded(content: aiohttp.StreamReader, url: str) -> bytes:
    raw = bytearray()
    async for chunk in content.iter_any():
        raw += chunk
        if len(raw) > _MAX_BYTES:
            raise BadJwks(f"{url}: answers more than {_MAX_BYTES} bytes")
    return bytes(raw)


def _usable(raw: bytes) -> dict[str, jwt.PyJWK]:
    """Return the keys that signatures can be checked by; those of other uses are no mistake.

    :raises BadJwks: it is no JWKS.
    """
    try:
        entries = json.loads(raw)["keys"]
        if not isinstance(entries, list):
            raise TypeError
    except (ValueError, TypeError, KeyError) as error:
        raise BadJwks("it is no JWKS: no JSON object with a list of keys") from error
    keys = {}
    for entry in entries:
        key = _key(entry)
        if key is not None and key.key_id:
            keys[key.key_id] = key
    return keys


def _key(entry: object) -> jwt.PyJWK | None:
    """Return a public key for signatures; None: it is something else, or too weak."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    try:
        key = jwt.PyJWK.from_dict(entry)
    except jwt.PyJWTError:
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _MIN_RSA_BITS:
        return None
    # A symmetric key has no business where public ones are read.
    return None if key.key_type == "oct" else key
