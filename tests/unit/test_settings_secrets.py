"""Where secrets come from, and who finds them."""

import os
from pathlib import Path

import pytest

from bridge.cli.launching import environment as environment_of_worker
from bridge.settings import ENV_FILE, Settings, is_secret, variables
from tests.unit.environments import BUCKET, COMPLETE, SECRET, problems

ROOT = Path(__file__).parents[2]


def secret_names() -> list[str]:
    return [name for name, field in variables().items() if is_secret(field)]


def test_the_secrets_are_known() -> None:
    assert {"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "OPENAI_API_KEY"} <= set(secret_names())
    documentation = (ROOT / "docs/settings.md").read_text()
    assert all(f"`{name}`" in documentation for name in secret_names())


@pytest.mark.parametrize("name", secret_names())
def test_every_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "secret"
    secret = f"postgresql://me:{SECRET}@db/calls" if name == "MEDIABRIDGE_STORE_URL" else SECRET
    path.write_text(f"{secret}\n")
    given = {key: value for key, value in {**COMPLETE, **BUCKET}.items() if key != name}
    settings = Settings.load({**given, f"{name}_FILE": str(path)})
    value = getattr(settings, variables()[name])
    assert value.get_secret_value() == secret
    assert SECRET not in f"{settings!r}{settings.describe()}"


def test_a_secret_in_a_file_and_beside_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    assert set(problems(LIVEKIT_API_SECRET_FILE=str(path))) == {"LIVEKIT_API_SECRET_FILE"}


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 100_000, None])
def test_a_file_that_holds_no_secret_is_named_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    refused = problems(LIVEKIT_API_SECRET="", LIVEKIT_API_SECRET_FILE=str(path))
    assert set(refused) == {"LIVEKIT_API_SECRET_FILE"}


def test_what_is_wrong_with_a_secret_of_a_file_is_said_without_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("too-short")
    refused = problems(LIVEKIT_API_SECRET="", LIVEKIT_API_SECRET_FILE=str(path))
    assert "32 characters" in refused["LIVEKIT_API_SECRET"]
    assert "too-short" not in str(refused)


def test_secrets_of_tools_have_any_name_behind_their_prefix(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from a file\n")
    given = {"TOOL_ORDERS": "s3cret", "TOOL_SHOP_FILE": str(path), "TOOL_lower": "x", "TOOL_": "x"}
    settings = Settings.load({**COMPLETE, **given})
    held = {name: secret.get_secret_value() for name, secret in settings.tool_secrets.items()}
    assert held == {"TOOL_ORDERS": "s3cret", "TOOL_SHOP": "from a file"}
    described = settings.describe()
    assert ("TOOL_ORDERS", "set") in described
    assert "s3cret" not in f"{described} {settings!r}"


def test_secret_of_a_tool_whose_file_is_missing_is_named(tmp_path: Path) -> None:
    refused = problems(TOOL_SHOP_FILE=str(tmp_path / "nothing"))
    assert set(refused) == {"TOOL_SHOP_FILE"}


def test_key_and_secret_of_a_bucket_go_together() -> None:
    for name, value in BUCKET.items():
        assert set(problems(**{name: value})) == {"MEDIABRIDGE_EGRESS_SECRET"}
    settings = Settings.load({**COMPLETE, **BUCKET, "MEDIABRIDGE_EGRESS_BUCKET": "calls"})
    assert settings.egress is None, "nothing is recorded unless it is said what"
    settings = Settings.load({**COMPLETE, "MEDIABRIDGE_EGRESS": "Tracks"})
    assert settings.egress is not None
    assert settings.egress.tracks
    assert settings.egress.s3 is None


def test_keys_of_workers_need_workers() -> None:
    assert set(problems(MEDIABRIDGE_EPHEMERAL_KEYS="true")) == {"MEDIABRIDGE_EPHEMERAL_KEYS"}
    given = {"MEDIABRIDGE_EPHEMERAL_KEYS": "true", "MEDIABRIDGE_WORKERS": "2"}
    assert Settings.load({**COMPLETE, **given}).ephemeral_keys


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_API_KEY_FILE"])
def test_worker_of_a_front_that_keeps_the_key_finds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Wherever the front has it from: its environment, a file, or a file .env."""
    key = "sk-that-opens-everything"
    secret = tmp_path / "key"
    secret.write_text(key)
    given = key if name == "OPENAI_API_KEY" else str(secret)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ENV_FILE).write_text(f"{name}={given}\n")
    for other, value in COMPLETE.items():
        if other != "OPENAI_API_KEY":
            monkeypatch.setenv(other, value)
    monkeypatch.setenv("MEDIABRIDGE_WORKERS", "1")
    front = Settings.load()
    assert front.openai_api_key is not None
    assert environment_of_worker(front) == dict(os.environ)
    monkeypatch.setenv("MEDIABRIDGE_EPHEMERAL_KEYS", "true")
    monkeypatch.setenv(name, given)
    found = environment_of_worker(Settings.load())
    assert key not in str(found)
    assert str(secret) not in found.values()
    for variable, value in found.items():
        monkeypatch.setenv(variable, value)
    worker = Settings.load()
    assert worker.openai_api_key is not None
    assert worker.openai_api_key.get_secret_value() != key
