"""API keys: made, recognised, and kept in a file that holds none of them."""

import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.access.key_file import (
    BadKeyFile,
    KeyFile,
    KeyRecord,
    LimitsPart,
    change_keys,
    read_keys,
)
from bridge.access.keys import NO_KEY, ApiKey, KeyDigest
from bridge.access.principal import Limits, Scope

READ = frozenset({Scope.CALLS_READ})


def record(key: ApiKey, name: str = "gateway", tenant: str | None = "acme") -> KeyRecord:
    return KeyRecord.of(
        key, name=name, tenant_id=tenant, scopes=READ, expires_at=None, limits=LimitsPart()
    )


def stored(path: Path, *records: KeyRecord) -> Path:
    for one in records:
        change_keys(path, lambda file, one=one: file.with_key(one))  # type: ignore[misc]
    return path


def test_key_is_recognised_by_its_digest_and_no_other_is() -> None:
    key, other = ApiKey.make(), ApiKey.make()
    kept = KeyDigest.of(key)
    assert ApiKey.parse(key.reveal()) == key
    assert kept.fits(key)
    assert not kept.fits(other)
    assert not kept.fits(ApiKey(key.key_id, other.secret))
    assert not NO_KEY.fits(key)


def test_same_key_is_kept_differently_each_time() -> None:
    key = ApiKey.make()
    assert KeyDigest.of(key) != KeyDigest.of(key)


def test_key_has_256_bits_that_nobody_can_guess() -> None:
    keys = {ApiKey.make().secret for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(secret) * 6 >= 256 for secret in keys)


def test_key_does_not_show_itself() -> None:
    key = ApiKey.make()
    assert key.secret not in repr(key)
    shown = repr(record(key))
    assert key.secret not in shown
    assert KeyRecord.model_validate(record(key)).digest not in shown


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.upper(),
        lambda text: text.replace("mbk_", "mbk-"),
        lambda text: f" {text}",
        lambda text: f"{text}\n",
        lambda _: "",
        lambda text: text[:20] + "=" + text[21:],
    ],
)
def test_what_has_not_a_keys_form_is_none(change: object) -> None:
    assert callable(change)
    assert ApiKey.parse(change(ApiKey.make().reveal())) is None


def test_file_holds_nothing_that_could_be_presented(tmp_path: Path) -> None:
    key = ApiKey.make()
    path = stored(tmp_path / "keys.json", record(key))
    assert key.secret not in path.read_text()
    (kept,) = read_keys(path).keys
    assert kept.kept.fits(key)
    assert (kept.name, kept.tenant_id, kept.scopes) == ("gateway", "acme", READ)


def test_file_is_its_owners_alone_also_after_a_change(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    path.chmod(0o644)
    stored(path, record(ApiKey.make()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    path.chmod(0o620)
    with pytest.raises(BadKeyFile, match="chmod 600"):
        read_keys(path)


def test_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    with path.open() as before:
        stored(path, record(ApiKey.make()))
        assert len(KeyFile.model_validate_json(before.read()).keys) == 1
    assert len(read_keys(path).keys) == 2
    assert {entry.name for entry in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: stored(path, record(ApiKey.make())), range(24)))
    assert len(read_keys(path).keys) == 24


def test_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    before = path.read_bytes()
    with pytest.raises(KeyError):
        change_keys(path, lambda file: file.revoking("0" * 16))
    assert path.read_bytes() == before


def test_key_is_revoked_once(tmp_path: Path) -> None:
    key, other = ApiKey.make(), ApiKey.make()
    path = stored(tmp_path / "keys.json", record(key), record(other))
    change_keys(path, lambda file: file.revoking(key.key_id))
    first = {kept.key_id: kept.revoked_at for kept in read_keys(path).keys}
    assert first[key.key_id] is not None
    assert first[other.key_id] is None
    change_keys(path, lambda file: file.revoking(key.key_id))
    assert {kept.key_id: kept.revoked_at for kept in read_keys(path).keys} == first


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file"),
        ("[]", "the file"),
        ('{"version": 2}', "version"),
        ('{"keyz": []}', "keyz"),
        ('{"keys": [{}]}', "keys.0"),
        ('{"tenants": {"acme": {"calls": -1}}}', "tenants.acme.calls"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadKeyFile, match=re.escape(f"{path}: {problem}")):
        read_keys(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("scopes", []), ("scopes", ["calls:dance"]), ("key_id", "x"), ("digest", "00"), ("name", "")],
)
def test_record_with_a_wrong_field_is_refused_without_showing_it(
    tmp_path: Path, field: str, value: object
) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    content = json.loads(path.read_text())
    digest = content["keys"][0]["digest"]
    content["keys"][0][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(BadKeyFile, match=f"keys.0.{field}") as refused:
        read_keys(path)
    assert digest not in str(refused.value)


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    key = ApiKey.make()
    path = stored(tmp_path / "keys.json", record(key))
    content = json.loads(path.read_text())
    content["keys"] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(BadKeyFile, match="same key_id"):
        read_keys(path)


def test_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match="No such file"):
        read_keys(tmp_path / "keys.json")
    with pytest.raises(BadKeyFile, match="cannot be written"):
        change_keys(tmp_path / "nowhere" / "keys.json", lambda file: file)


def test_limits_of_a_key_go_before_those_for_all() -> None:
    defaults = Limits(calls=10, streams=5)
    assert LimitsPart(calls=0, creations_per_minute=3).over(defaults) == Limits(0, 3, 5)
    assert LimitsPart().over(defaults) == defaults


def test_times_are_written_with_their_zone(tmp_path: Path) -> None:
    path = stored(tmp_path / "keys.json", record(ApiKey.make()))
    (kept,) = read_keys(path).keys
    assert kept.created_at.utcoffset() is not None
    assert abs((datetime.now(UTC) - kept.created_at).total_seconds()) < 60
