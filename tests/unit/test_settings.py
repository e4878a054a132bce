"""What the environment may say, and how a mistake in it is reported."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.ids import TenantId
from bridge.settings import ENV_FILE, Settings, SettingsError, variables
from tests.unit.environments import COMPLETE, SECRET, problems

ROOT = Path(__file__).parents[2]


def test_what_is_required_is_enough() -> None:
    settings = Settings.load(COMPLETE)
    assert settings.listen == "127.0.0.1:50051"
    assert settings.slots == 8
    assert settings.livekit is not None
    assert settings.livekit.api_secret.get_secret_value() == SECRET


def test_settings_are_frozen() -> None:
    settings = Settings.load(COMPLETE)
    with pytest.raises(ValidationError):
        settings.slots = 9  # type: ignore[misc]


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({})
    assert refused.value.problems == {
        "LIVEKIT_SERVER_URL": "is required while LIVEKIT_ENABLED is true",
        "LIVEKIT_API_KEY": "is required while LIVEKIT_ENABLED is true",
        "LIVEKIT_API_SECRET": "is required while LIVEKIT_ENABLED is true",
        "OPENAI_API_KEY": "is required unless OPENAI_BASE_URL names another server",
    }


def test_livekits_variables_may_be_missing_where_it_is_disabled() -> None:
    settings = Settings.load({"LIVEKIT_ENABLED": "false", "OPENAI_API_KEY": "sk-test"})
    assert settings.livekit is None


def test_the_providers_key_may_be_missing_where_another_server_is_named() -> None:
    without_key = {name: value for name, value in COMPLETE.items() if name != "OPENAI_API_KEY"}
    settings = Settings.load({**without_key, "OPENAI_BASE_URL": "http://127.0.0.1:8090/v1/"})
    assert settings.openai_api_key is None
    assert settings.openai_base_url == "http://127.0.0.1:8090/v1"


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = Settings.load({**COMPLETE, "MEDIABRIDGE_SLOTS": "", "LIVEKIT_PUBLIC_URL": " "})
    assert settings.slots == 8


@pytest.mark.parametrize(
    ("server", "public"),
    [
        ("http://livekit:7880/", "ws://livekit:7880"),
        ("https://livekit.example", "wss://livekit.example"),
        ("wss://livekit.example/sfu", "wss://livekit.example/sfu"),
    ],
)
def test_clients_are_told_the_server_url_as_websocket(server: str, public: str) -> None:
    livekit = Settings.load({**COMPLETE, "LIVEKIT_SERVER_URL": server}).livekit
    assert livekit is not None
    assert livekit.public_url == public


def test_clients_can_be_told_another_url() -> None:
    told = {**COMPLETE, "LIVEKIT_PUBLIC_URL": "https://voice.example"}
    livekit = Settings.load(told).livekit
    assert livekit is not None
    assert livekit.server_url == "ws://127.0.0.1:7880"
    assert livekit.public_url == "wss://voice.example"


@pytest.mark.parametrize(
    "url",
    [
        "livekit:7880",
        "ftp://livekit",
        "ws://",
        "ws://:7880",
        "ws://host:port",
        "ws://a b",
        "ws://u:p@host",
        "ws://host?x=1",
        "ws://[::1",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert set(problems(LIVEKIT_SERVER_URL=url)) == {"LIVEKIT_SERVER_URL"}


@pytest.mark.parametrize("secret", ["too-short", f"{SECRET} {SECRET}"])
def test_a_wrong_secret_is_named_but_never_shown(secret: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({**COMPLETE, "LIVEKIT_API_SECRET": secret, "MEDIABRIDGE_SLOTS": "many"})
    assert set(refused.value.problems) == {"LIVEKIT_API_SECRET", "MEDIABRIDGE_SLOTS"}
    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None


def test_secrets_are_neither_described_nor_represented() -> None:
    settings = Settings.load(COMPLETE)
    shown = f"{settings!r} {settings} {settings.livekit!r} {settings.describe()}"
    assert SECRET not in shown
    assert "sk-test" not in shown
    described = dict(settings.describe())
    assert described.items() >= {
        ("LIVEKIT_API_SECRET", "set"),
        ("OPENAI_BASE_URL", "not set"),
        ("MEDIABRIDGE_TOKEN_TTL", "10m"),
        ("LIVEKIT_ENABLED", "true"),
    }


def test_misspelt_variables_are_refused_with_a_suggestion() -> None:
    assert problems(MEDIABRIDGE_SLOT="4", MEDIABRIDGE_COLOUR="red") == {
        "MEDIABRIDGE_SLOT": "is unknown; did you mean MEDIABRIDGE_SLOTS?",
        "MEDIABRIDGE_COLOUR": "is unknown",
    }


def test_unknown_variables_of_others_are_left_alone() -> None:
    Settings.load({**COMPLETE, "LIVEKIT_GCS_BUCKET": "x", "OPENAI_ORG_ID": "x", "HOME": "/"})
    Settings.load({**COMPLETE, "MEDIABRIDGE_GATEWAY_LISTEN": "127.0.0.1:8082"})


def test_what_kubernetes_sets_beside_a_service_of_our_name_is_left_alone() -> None:
    pod = {
        "MEDIABRIDGE_SERVICE_HOST": "10.0.0.1",
        "MEDIABRIDGE_SERVICE_PORT_GRPC": "50051",
        "MEDIABRIDGE_PORT": "tcp://10.0.0.1:50051",
        "MEDIABRIDGE_PORT_50051_TCP_ADDR": "10.0.0.1",
        "MEDIABRIDGE_WEB_SERVICE_HOST": "10.0.0.2",
    }
    Settings.load({**COMPLETE, **pod})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVEKIT_ENABLED", "perhaps"),
        ("MEDIABRIDGE_SLOTS", "0"),
        ("MEDIABRIDGE_SLOTS", "1001"),
        ("MEDIABRIDGE_HOST_ID", "a/b"),
        ("MEDIABRIDGE_DRAIN_TIMEOUT", "soon"),
        ("MEDIABRIDGE_DRAIN_TIMEOUT", "-1s"),
        ("MEDIABRIDGE_TOKEN_TTL", "29s"),
        ("MEDIABRIDGE_DEFAULT_JOIN_TIMEOUT", "2h"),
        ("MEDIABRIDGE_DEFAULT_REJOIN_GRACE", "11m"),
        ("MEDIABRIDGE_MAX_MAX_DURATION", "25h"),
        ("MEDIABRIDGE_ROOM_EMPTY_TIMEOUT", "1.5s"),
        ("MEDIABRIDGE_ROOM_MAX_PARTICIPANTS", "1"),
        ("MEDIABRIDGE_RETAINED_EVENTS", "0"),
        ("MEDIABRIDGE_LOG_LEVEL", "loud"),
        ("MEDIABRIDGE_LOG_FORMAT", "xml"),
        ("OPENAI_BASE_URL", "here"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(name: str, value: str) -> None:
    assert set(problems(**{name: value})) == {name}


def test_a_default_above_the_maximum_is_refused() -> None:
    refused = problems(MEDIABRIDGE_MAX_MAX_DURATION="30m")
    assert refused == {
        "MEDIABRIDGE_DEFAULT_MAX_DURATION": "is above MEDIABRIDGE_MAX_MAX_DURATION, 30m"
    }


@pytest.mark.parametrize("word", ["WARNING", "Warning", "warning"])
def test_words_are_taken_in_any_case(word: str) -> None:
    assert Settings.load({**COMPLETE, "MEDIABRIDGE_LOG_LEVEL": word}).log_level == "warning"


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    lines = [f"{name}={value}" for name, value in COMPLETE.items()]
    ENV_FILE.write_text("\n".join([*lines, "MEDIABRIDGE_SLOTS=2", "MEDIABRIDGE_HOST_ID=one"]))
    monkeypatch.setenv("MEDIABRIDGE_SLOTS", "3")
    settings = Settings.load()
    assert (settings.slots, settings.host_id) == (3, "one")


def test_a_misspelt_variable_in_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ENV_FILE.write_text("MEDIABRIDGE_AGENT_DIR=x\n")
    with pytest.raises(SettingsError, match="did you mean MEDIABRIDGE_AGENTS_DIR"):
        Settings.load()


def test_what_is_given_hides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIABRIDGE_SLOTS", "3")
    assert Settings.load(COMPLETE).slots == 8


def test_a_host_name_that_cannot_serve_as_id_is_reported_by_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "büro")
    assert set(problems()) == {"MEDIABRIDGE_HOST_ID"}


def documented() -> dict[str, tuple[str, str]]:
    row = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
    return {m[1]: (m[2], m[3]) for m in row.finditer((ROOT / "docs/settings.md").read_text())}


def expected() -> dict[str, tuple[str, str]]:
    defaults = dict(Settings.load(COMPLETE).describe())
    required = {"LIVEKIT_SERVER_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "OPENAI_API_KEY"}
    derived = {"LIVEKIT_PUBLIC_URL", "MEDIABRIDGE_HOST_ID"}
    # A secret, but not by default.
    defaults["MEDIABRIDGE_STORE_URL"] = "sqlite:///mediabridge.db"
    rows: dict[str, tuple[str, str]] = {}
    for name, field in variables().items():
        default = defaults[name] if defaults[name] == "not set" else f"`{defaults[name]}`"
        default = "required" if name in required else "derived" if name in derived else default
        rows[name] = (default, str(Settings.model_fields[field].description))
    return rows


def test_the_documentation_agrees_with_the_class() -> None:
    assert documented() == expected()


def test_the_example_file_names_every_variable_and_is_valid() -> None:
    text = (ROOT / ".env.example").read_text()
    named = dict(re.findall(r"^#? ?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert set(named) == set(variables())
    Settings.load(named)
    active = dict(re.findall(r"^([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))
    Settings.load(active)


def test_wrong_entry_of_the_listed_servers_is_named() -> None:
    refused = problems(MEDIABRIDGE_TOOL_HTTP_ALLOW="api.example.com, http://x")
    assert set(refused) == {"MEDIABRIDGE_TOOL_HTTP_ALLOW"}
    assert "http://x" in refused["MEDIABRIDGE_TOOL_HTTP_ALLOW"]


@pytest.mark.parametrize(
    "url",
    [
        "memory:",
        "sqlite:///calls.db",
        "sqlite:////var/lib/calls.db",
        "postgresql://me:pw@db.example:5432/calls",
        "postgres://me@/calls?host=/run/postgresql",
    ],
)
def test_places_of_a_store(url: str) -> None:
    settings = Settings.load({**COMPLETE, "MEDIABRIDGE_STORE_URL": url})
    assert settings.store_url.get_secret_value() == url


@pytest.mark.parametrize("url", ["memory", "mysql://db/calls", "sqlite:///", "calls.db", "redis:"])
def test_what_is_no_place_of_a_store_is_refused(url: str) -> None:
    assert set(problems(MEDIABRIDGE_STORE_URL=url)) == {"MEDIABRIDGE_STORE_URL"}


def test_tenants_may_have_less_kept_of_their_calls_and_never_more() -> None:
    listed = "acme=metadata, globex=none,initech=all"
    given = {"MEDIABRIDGE_RETENTION": "Transcript", "MEDIABRIDGE_TENANT_RETENTION": listed}
    rules = Settings.load({**COMPLETE, **given}).retention_rules
    kept = {name: rules.of(TenantId(name)).value for name in ("acme", "globex", "initech", "other")}
    assert kept == {
        "acme": "metadata",
        "globex": "none",
        "initech": "transcript",
        "other": "transcript",
    }


@pytest.mark.parametrize("listed", ["acme", "acme=some", "=none", "acme=none,,", "a=none b=none"])
def test_wrong_list_of_tenants_is_refused(listed: str) -> None:
    refused = problems(MEDIABRIDGE_TENANT_RETENTION=listed)
    assert set(refused) == {"MEDIABRIDGE_TENANT_RETENTION"}
