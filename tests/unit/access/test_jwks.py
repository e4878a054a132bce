"""Public keys: where they come from, which are usable, and how they are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.access.jwks import REFRESH_S, BadJwks, Jwks, JwksFile, JwksUrl
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import FakeJwksSource, Signer, jwks_of

SIGNER = Signer("k1")
OTHER = Signer("k2")


@asynccontextmanager
async def issuer(answer: web.Response) -> AsyncIterator[str]:
    """Serve one answer at /jwks, and a redirect to it at /moved."""

    async def jwks(_request: web.Request) -> web.Response:
        return web.Response(status=answer.status, body=answer.body)

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/jwks")

    app = web.Application()
    app.router.add_get("/jwks", jwks)
    app.router.add_get("/moved", moved)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks_of(SIGNER.jwk()))
    jwks = Jwks(JwksFile(path), FakeClock())
    await jwks.refresh()
    assert await jwks.key("k1") is not None
    assert await jwks.key("k2") is None
    path.unlink()
    with pytest.raises(BadJwks, match="No such file"):
        await jwks.refresh()
    assert await jwks.key("k1") is not None


async def test_url_is_fetched() -> None:
    async with issuer(web.Response(body=jwks_of(SIGNER.jwk()))) as url:
        jwks = Jwks(JwksUrl(f"{url}/jwks"), FakeClock())
        assert await jwks.key("k1") is not None


async def test_redirect_is_not_followed() -> None:
    async with issuer(web.Response(body=jwks_of(SIGNER.jwk()))) as url:
        with pytest.raises(BadJwks, match="302"):
            await Jwks(JwksUrl(f"{url}/moved"), FakeClock()).refresh()


async def test_endless_answer_is_cut_off() -> None:
    async with issuer(web.Response(body=b" " * 2_000_000)) as url:
        with pytest.raises(BadJwks, match="more than"):
            await Jwks(JwksUrl(f"{url}/jwks"), FakeClock()).refresh()


async def test_issuer_that_is_gone_is_said_so() -> None:
    async with issuer(web.Response()) as url:
        pass
    with pytest.raises(BadJwks, match="ClientConnectorError"):
        await Jwks(JwksUrl(f"{url}/jwks"), FakeClock()).refresh()


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"keys": {}}', b'"x"', b"\xff"])
async def test_what_is_no_jwks_changes_nothing(raw: bytes) -> None:
    source = FakeJwksSource(SIGNER)
    jwks = Jwks(source, FakeClock())
    await jwks.refresh()
    source.raw = raw
    with pytest.raises(BadJwks):
        await jwks.refresh()
    assert await jwks.key("k1") is not None


async def test_keys_of_other_uses_and_weak_ones_are_left_out() -> None:
    breakable = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    weak = Signer("weak", breakable)
    nameless = SIGNER.jwk()
    del nameless["kid"]
    source = FakeJwksSource()
    source.raw = jwks_of(
        SIGNER.jwk(),
        Signer("enc").jwk(use="enc"),
        Signer("secret").private_jwk(),
        weak.jwk(),
        nameless,
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        {"kty": "new", "kid": "new"},
        {},
    )
    jwks = Jwks(source, FakeClock())
    await jwks.refresh()
    known = [
        key_id
        for key_id in ("k1", "enc", "secret", "weak", "oct", "new", "")
        if await jwks.key(key_id) is not None
    ]
    assert known == ["k1"]


async def test_keys_are_refreshed_now_and_then_also_behind_a_failure() -> None:
    clock, source = FakeClock(), FakeJwksSource(SIGNER)
    jwks = Jwks(source, clock)
    await jwks.refresh()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(jwks.watch(), name="jwks")
        source.broken = True
        await clock.advance(REFRESH_S)
        assert await jwks.key("k1") is not None
        source.broken = False
        source.publish(OTHER)
        await clock.advance(REFRESH_S)
        assert await jwks.key("k1") is None
        assert await jwks.key("k2") is not None
        watching.cancel()


async def test_many_who_ask_for_an_unknown_key_at_once_cause_one_fetch() -> None:
    source = FakeJwksSource(SIGNER)
    jwks = Jwks(source, FakeClock())
    found = await asyncio.gather(*(jwks.key("k1") for _ in range(20)))
    assert all(found)
    assert source.reads == 1
