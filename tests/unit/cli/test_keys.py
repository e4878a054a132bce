"""`mediabridge keys`: what it makes is good, what it revokes is not, and nothing is shown twice."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.access.key_file import read_keys
from bridge.access.keyring import Keyring
from bridge.access.principal import Limits, Scope
from bridge.cli.main import main
from bridge.errors import Unauthenticated
from bridge.ids import TenantId
from bridge.settings import ENV_FILE
from tests.fakes.clock import FakeClock


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "keys.json"
    monkeypatch.setenv("MEDIABRIDGE_KEYS_FILE", str(path))
    return path


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def created(*arguments: str) -> str:
    result = keys("create", "--name", "gateway", "--scope", "calls:read", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def keyring(file: Path) -> Keyring:
    ring = Keyring(file, FakeClock(), Limits())
    ring.load()
    return ring


def test_key_is_printed_alone_and_is_good(file: Path) -> None:
    printed = created("--tenant", "acme", "--scope", "calls:create", "--calls", "3")
    principal = keyring(file).principal(printed.removesuffix("\n"))
    assert (principal.name, principal.tenant_id) == ("gateway", TenantId("acme"))
    assert principal.scopes == {Scope.CALLS_READ, Scope.CALLS_CREATE}
    assert principal.limits == Limits(calls=3)


def test_key_of_all_tenants_must_be_asked_for_by_name(file: Path) -> None:
    assert keys("create", "--name", "x", "--scope", "admin").exit_code == 2
    both = ("--tenant", "acme", "--all-tenants")
    assert keys("create", "--name", "x", "--scope", "admin", *both).exit_code == 2
    assert not file.exists()
    printed = created("--all-tenants").strip()
    assert keyring(file).principal(printed).tenant_id is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scope", "calls:read"),
        ("--name", "x"),
        ("--name", "x", "--scope", "calls:dance"),
        ("--name", "", "--scope", "calls:read"),
        ("--name", "x\ny", "--scope", "calls:read"),
        ("--name", "x", "--scope", "calls:read", "--days", "0"),
        ("--name", "x", "--scope", "calls:read", "--streams", "-1"),
    ],
)
def test_what_makes_no_key_is_refused(file: Path, arguments: tuple[str, ...]) -> None:
    assert keys("create", "--tenant", "acme", *arguments).exit_code == 2
    assert not file.exists()


def test_list_shows_every_key_and_nothing_to_present(file: Path) -> None:
    secrets = [created("--tenant", "acme", "--days", "1").strip()[21:], created("--all-tenants")]
    revoked = read_keys(file).keys[1].key_id
    assert keys("revoke", revoked).exit_code == 0
    assert keys("limit", "acme", "--calls", "2").exit_code == 0
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["keys", "list"]).output
    for record in read_keys(file).keys:
        assert record.key_id in shown
        assert record.digest not in shown
        assert record.salt not in shown
    assert not any(secret.strip() in shown for secret in secrets)
    assert "good until" in shown
    assert "revoked" in shown
    assert "tenant acme: calls=2" in shown


def test_revoked_key_is_good_for_nothing(file: Path) -> None:
    printed = created("--tenant", "acme").strip()
    assert keys("revoke", printed[4:20]).exit_code == 0
    with pytest.raises(Unauthenticated, match="revoked"):
        keyring(file).principal(printed)
    assert keys("revoke", "0" * 16).exit_code == 1


def test_limits_of_a_tenant_are_kept(file: Path) -> None:
    created("--tenant", "acme")
    assert keys("limit", "acme", "--creations-per-minute", "6").exit_code == 0
    assert keys("limit", "a\nb", "--calls", "1").exit_code == 2
    kept = keyring(file).tenant_limits(TenantId("acme"), Limits(calls=9))
    assert kept == Limits(calls=9, creations_per_minute=6)


def test_file_is_named_by_the_option_or_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDIABRIDGE_KEYS_FILE", raising=False)
    assert keys("list").exit_code == 2
    ENV_FILE.write_text("MEDIABRIDGE_KEYS_FILE=of-env-file.json\n")
    created("--tenant", "acme")
    assert len(read_keys(tmp_path / "of-env-file.json").keys) == 1
    assert keys("--file", "other.json", "list").exit_code == 1


def test_broken_file_is_said_so(file: Path) -> None:
    file.write_text("{")
    file.chmod(0o600)
    for result in (keys("list"), keys("revoke", "x"), keys("limit", "acme", "--calls", "1")):
        assert result.exit_code == 1
        assert "keys.json" in result.output
