"""Which checker is asked, and that nobody gets in past both."""

from pathlib import Path

import pytest

from bridge.access.access import Access
from bridge.access.jwks import Jwks
from bridge.access.keys import ApiKey
from bridge.access.principal import ANYONE, Limits, Principal, Scope
from bridge.access.tokens import TokenChecker
from bridge.errors import Unauthenticated
from bridge.files.changes import WatchedFiles
from bridge.ids import TenantId
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import RULES, FakeJwksSource, Signer
from tests.fakes.keys import Keys

SIGNER = Signer("k1")


def checker() -> TokenChecker:
    return TokenChecker(Jwks(FakeJwksSource(SIGNER), FakeClock()), RULES, Limits())


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


async def why_not(access: Access, *authorization: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await access.principal(authorization)
    return refused.value.reason


async def test_anyone_may_do_anything_where_there_is_nothing_to_check_by() -> None:
    access = Access()
    assert await access.principal([]) == ANYONE
    assert await access.principal(["Bearer whatever"]) == ANYONE
    assert all(ANYONE.may(scope) for scope in Scope)


async def test_keys_and_tokens_are_told_apart(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    both = Access(keys.keyring, checker())
    for authorization in (f"Bearer {text}", f"bearer  {text}", f"Bearer {SIGNER.token()}"):
        assert (await both.principal([authorization])).tenant_id == "acme"
    assert await why_not(Access(keys.keyring), f"Bearer {SIGNER.token()}") == "INVALID_CREDENTIALS"
    assert await why_not(Access(None, checker()), f"Bearer {text}") == "INVALID_CREDENTIALS"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic x", "mbk_x", "Bearer mbk_x", "Token x"]
)
async def test_what_is_no_bearers_credential_is_refused(keys: Keys, authorization: str) -> None:
    access = Access(keys.keyring, checker())
    assert await why_not(access, authorization) == "INVALID_CREDENTIALS"


async def test_no_credentials_and_several_at_once_are_refused(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    access = Access(keys.keyring)
    assert await why_not(access) == "NO_CREDENTIALS"
    assert await why_not(access, f"Bearer {text}", f"Bearer {text}") == "INVALID_CREDENTIALS"


async def test_key_is_current_until_it_is_revoked_and_a_token_until_it_expires(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    access = Access(keys.keyring, checker())
    with_key = await access.principal([f"Bearer {text}"])
    with_token = await access.principal([f"Bearer {SIGNER.token()}"])
    assert access.is_current(with_key)
    keys.revoke(text)
    keys.keyring.load()
    assert not access.is_current(with_key)
    assert access.is_current(with_token)
    assert not Access(None, checker()).is_current(with_key)


async def test_key_made_a_moment_ago_is_good_before_the_next_look(keys: Keys) -> None:
    keys.keyring.load()
    access = Access(keys.keyring)
    text = keys.add()
    assert (await access.principal([f"Bearer {text}"])).tenant_id == "acme"


async def test_whoever_tries_many_keys_makes_nobody_read_more_often(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.keyring.load()
    access = Access(keys.keyring)
    looks: list[WatchedFiles] = []

    def look(files: WatchedFiles) -> bool:
        looks.append(files)
        return False

    monkeypatch.setattr(WatchedFiles, "have_changed", look)
    for second in range(3):
        for _ in range(100):
            wrong = f"Bearer {ApiKey.make().reveal()}"
            assert await why_not(access, wrong) == "INVALID_CREDENTIALS"
        assert len(looks) == second + 1
        await keys.clock.advance(1)


async def test_callers_with_good_keys_never_wait_for_a_look(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = keys.add()
    keys.keyring.load()
    monkeypatch.setattr(WatchedFiles, "have_changed", lambda _: pytest.fail("looked"))
    await Access(keys.keyring).principal([f"Bearer {text}"])


def test_scope_allows_itself_and_admin_everything() -> None:
    reader = Principal("r", "key:1", TenantId("acme"), frozenset({Scope.CALLS_READ}))
    assert [scope for scope in Scope if reader.may(scope)] == [Scope.CALLS_READ]
