"""What the settings say of the listener, put together: who is let in there, and who is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.access.jwks import BadJwks
from bridge.access.key_file import BadKeyFile
from bridge.access.principal import ANYONE, Principal
from bridge.api.asker import quotas
from bridge.api.guard import Guard
from bridge.api.server import Exposure
from bridge.cli.admission import guarding, listener
from bridge.errors import Refusal
from bridge.ids import TenantId
from bridge.ports.placement import Quota
from bridge.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import AUDIENCE, ISSUER, Signer, jwks_of
from tests.fakes.keys import Keys

SIGNER = Signer("k1")


def settings(**given: str) -> Settings:
    named = {f"MEDIABRIDGE_{name}": value for name, value in given.items()}
    return Settings.load({"LIVEKIT_ENABLED": "false", "OPENAI_API_KEY": "sk-test", **named})


def tokens(jwks: str) -> dict[str, str]:
    return {"JWT_JWKS": jwks, "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE}


class Knock:
    """As much of an RPC's context as a guard looks at."""

    def __init__(self, credential: str) -> None:
        self._credential = credential

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self._credential}")]

    def peer(self) -> str:
        return "unix:"


@asynccontextmanager
async def let_in(guard: Guard, credential: str) -> AsyncIterator[Principal]:
    knock: Any = Knock(credential)
    method = "/bridge.v1.TelemetryService/GetStats"
    async with guard.admitted(method, knock, is_stream=False) as principal:
        yield principal


async def why_not(guard: Guard, credential: str) -> str:
    with pytest.raises(Refusal) as refused:
        async with let_in(guard, credential):
            pass
    return refused.value.reason


async def test_keys_and_tokens_let_in_as_the_settings_say(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add(tenant="acme")
    (tmp_path / "jwks.json").write_bytes(jwks_of(SIGNER.jwk()))
    given = {
        "KEYS_FILE": str(keys.path),
        "KEY_CALLS": "5",
        "TENANT_CALLS": "6",
        "TENANT_CREATIONS_PER_MINUTE": "7",
        "JWT_TENANT_CLAIM": "org",
        "JWT_SCOPE_CLAIM": "scp",
        **tokens(str(tmp_path / "jwks.json")),
    }
    token = SIGNER.token(tenant=None, org="other", scp=["telemetry:read"])
    async with guarding(settings(**given), FakeClock()) as guard:
        async with let_in(guard, key) as principal:
            assert principal.tenant_id == "acme"
            assert quotas(TenantId("acme")) == (
                Quota("tenant", "acme", 6, 7),
                Quota("key", principal.credential, 5),
            )
        async with let_in(guard, token) as principal:
            assert principal.tenant_id == "other"
            assert quotas(TenantId("other"))[1] == Quota("key", "jwt:gateway", 5)
        assert await why_not(guard, SIGNER.token()) == "NO_TENANT"
        assert await why_not(guard, "mbk_nothing") == "INVALID_CREDENTIALS"


async def test_issuer_that_does_not_answer_yet_keeps_nobody_from_starting() -> None:
    async with guarding(settings(**tokens("http://127.0.0.1:9/jwks")), FakeClock()) as guard:
        assert await why_not(guard, SIGNER.token()) == "JWKS_UNAVAILABLE"
        assert await why_not(guard, "mbk_nothing") == "INVALID_CREDENTIALS"


async def test_anyone_is_let_in_where_nothing_is_set() -> None:
    async with guarding(settings(), FakeClock()) as guard, let_in(guard, "") as principal:
        assert principal == ANYONE


async def test_files_that_are_not_there_keep_the_server_from_starting(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.json")
    with pytest.raises(BadKeyFile):
        await guarding(settings(KEYS_FILE=missing), FakeClock()).__aenter__()
    with pytest.raises(BadJwks):
        await guarding(settings(**tokens(missing)), FakeClock()).__aenter__()


async def test_open_listener_shows_its_api_and_a_guarded_one_does_not(tmp_path: Path) -> None:
    async with listener(settings(), FakeClock()) as where:
        assert (where.credentials, where.reflection) == (None, Exposure.OPEN)
    guarded = settings(KEYS_FILE=str(tmp_path / "keys.json"))
    async with listener(guarded, FakeClock()) as where:
        assert (where.health, where.reflection) == (Exposure.OPEN, Exposure.CLOSED)


async def test_listener_beyond_this_machine_without_tls_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    far = settings(LISTEN="0.0.0.0:50051", ALLOW_INSECURE_LISTEN="true")
    async with listener(far, FakeClock()):
        assert "can be overheard" in "".join(capsys.readouterr())
