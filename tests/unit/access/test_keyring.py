"""The keys of a file, while the file changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.access.key_file import BadKeyFile, KeyFile, LimitsPart, change_keys
from bridge.access.keys import ApiKey
from bridge.access.principal import Limits, Scope
from bridge.errors import Unauthenticated
from bridge.ids import TenantId
from tests.fakes.clock import settle
from tests.fakes.keys import Keys

SCOPES = frozenset({Scope.CALLS_READ, Scope.TELEMETRY_READ})


def why_not(keys: Keys, text: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        keys.keyring.principal(text)
    return refused.value.reason


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@asynccontextmanager
async def watched(keys: Keys) -> AsyncIterator[list[int]]:
    """Watch the file; the list grows by one with every change that is told."""
    told: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        watch = keys.keyring.watch(lambda: told.append(1))
        watching = tasks.create_task(watch, name="keys")
        await settle()
        yield told
        watching.cancel()


def test_key_gives_the_principal_it_was_made_for(keys: Keys) -> None:
    text = keys.add(scopes=SCOPES, limits=LimitsPart(calls=3))
    keys.keyring.load()
    principal = keys.keyring.principal(text)
    assert (principal.name, principal.tenant_id) == ("acme's gateway", TenantId("acme"))
    assert principal.scopes == SCOPES
    assert principal.limits == Limits(calls=3, streams=7)
    assert text not in repr(principal)
    assert keys.keyring.is_current(principal)


def test_key_without_a_tenant_sees_every_tenant(keys: Keys) -> None:
    text = keys.add(tenant=None)
    keys.keyring.load()
    assert keys.keyring.principal(text).tenant_id is None


def test_unknown_and_wrong_keys_get_the_same_answer(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    tampered = text[:-1] + ("A" if text[-1] != "A" else "B")
    answers = set()
    for wrong in (ApiKey.make().reveal(), tampered, "mbk_", "", "eyJhbGciOiJub25lIn0.e30."):
        with pytest.raises(Unauthenticated) as refused:
            keys.keyring.principal(wrong)
        answers.add((refused.value.reason, refused.value.message))
    assert len(answers) == 1


async def test_key_expires_at_its_moment_which_only_its_holder_is_told(keys: Keys) -> None:
    text = keys.add(expires_at=keys.clock.now() + timedelta(seconds=10))
    keys.keyring.load()
    await keys.clock.advance(9.9)
    keys.keyring.principal(text)
    await keys.clock.advance(0.1)
    assert why_not(keys, text) == "KEY_EXPIRED"
    impostor = replace(ApiKey.make(), key_id=text[4:20]).reveal()
    assert why_not(keys, impostor) == "INVALID_CREDENTIALS"


async def test_new_key_is_good_and_revoked_one_is_not_after_the_next_look(keys: Keys) -> None:
    old = keys.add()
    keys.keyring.load()
    principal = keys.keyring.principal(old)
    async with watched(keys) as told:
        new = keys.add()
        keys.revoke(old)
        await keys.looked()
        assert told == [1]
        keys.keyring.principal(new)
        assert why_not(keys, old) == "KEY_REVOKED"
        assert not keys.keyring.is_current(principal)
        await keys.looked()
        assert told == [1]


async def test_file_with_a_mistake_keeps_the_keys_there_were(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    async with watched(keys) as told:
        keys.path.write_text("{")
        await keys.looked()
        assert told == []
        keys.keyring.principal(text)
        keys.path.unlink()
        await keys.looked()
        keys.keyring.principal(text)
        change_keys(keys.path, lambda _: KeyFile())
        await keys.looked()
        assert told == [1]
        assert why_not(keys, text) == "INVALID_CREDENTIALS"


async def test_change_between_loading_and_watching_is_not_missed(keys: Keys) -> None:
    keys.keyring.load()
    text = keys.add()
    async with watched(keys):
        await keys.looked()
        keys.keyring.principal(text)


async def test_key_whose_scopes_were_changed_by_hand_is_another(keys: Keys) -> None:
    text = keys.add()
    keys.keyring.load()
    principal = keys.keyring.principal(text)
    async with watched(keys):
        raw = keys.path.read_text().replace('"telemetry:read"', '"calls:control"')
        keys.path.write_text(raw)
        await keys.looked()
        assert not keys.keyring.is_current(principal)
        assert keys.keyring.is_current(keys.keyring.principal(text))


def test_bad_file_is_refused_at_the_start(keys: Keys) -> None:
    keys.path.write_text("{")
    with pytest.raises(BadKeyFile):
        keys.keyring.load()


def test_tenant_has_its_own_limits_and_others_the_defaults(keys: Keys) -> None:
    keys.limit("acme", LimitsPart(calls=2))
    keys.keyring.load()
    defaults = Limits(calls=5, streams=6)
    assert keys.keyring.tenant_limits(TenantId("acme"), defaults) == Limits(calls=2, streams=6)
    assert keys.keyring.tenant_limits(TenantId("other"), defaults) == defaults
