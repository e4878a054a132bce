"""What the environment may say, and how a mistake in it is reported."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.cli.launching import environment as environment_of_worker
from bridge.ids import TenantId
from bridge.settings import ENV_FILE, Settings, SettingsError, is_secret, variables

ROOT = Path(__file__).parents[2]
SECRET = "s3cret-" * 6
COMPLETE = {
    "LIVEKIT_SERVER_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "devkey",
    "LIVEKIT_API_SECRET": SECRET,
    "OPENAI_API_KEY": "sk-test",
}
BUCKET = {"MEDIABRIDGE_EGRESS_ACCESS_KEY": "key", "MEDIABRIDGE_EGRESS_SECRET": "s3cret"}


def problems(**changed: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        Settings.load({**COMPLETE, **changed})
    assert len(str(refused.value).splitlines()) == len(refused.value.problems)
    return refused.value.problems


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


CERTIFICATE = {"MEDIABRIDGE_TLS_CERT": "tls.crt", "MEDIABRIDGE_TLS_KEY": "tls.key"}
KEYS = {"MEDIABRIDGE_KEYS_FILE": "keys.json"}
TOKENS = {
    "MEDIABRIDGE_JWT_JWKS": "jwks.json",
    "MEDIABRIDGE_JWT_ISSUER": "https://issuer.test",
    "MEDIABRIDGE_JWT_AUDIENCE": "mediabridge",
}
EVERYWHERE = {"MEDIABRIDGE_LISTEN": "0.0.0.0:50051"}


@pytest.mark.parametrize(
    "address", ["0.0.0.0:50051", "[::]:50051", "10.0.0.7:50051", "example.org:50051", "127.1:50051"]
)
def test_listening_beyond_this_machine_is_refused_in_plain_words(address: str) -> None:
    refused = problems(MEDIABRIDGE_LISTEN=address)
    assert "no TLS" in refused["MEDIABRIDGE_LISTEN"]
    assert "no authentication" in refused["MEDIABRIDGE_LISTEN"]
    allowed = {"MEDIABRIDGE_LISTEN": address, "MEDIABRIDGE_ALLOW_INSECURE_LISTEN": "true"}
    assert Settings.load({**COMPLETE, **allowed}).listen == address


@pytest.mark.parametrize("credentials", [KEYS, TOKENS, {**KEYS, **TOKENS}])
def test_listening_beyond_this_machine_needs_both_tls_and_authentication(
    credentials: dict[str, str],
) -> None:
    assert "no TLS" in problems(**EVERYWHERE, **credentials)["MEDIABRIDGE_LISTEN"]
    for certificates in (CERTIFICATE, {**CERTIFICATE, "MEDIABRIDGE_TLS_CLIENT_CA": "ca.crt"}):
        refused = problems(**EVERYWHERE, **certificates)
        assert "no authentication" in refused["MEDIABRIDGE_LISTEN"]
        assert "no TLS" not in refused["MEDIABRIDGE_LISTEN"]
    settings = Settings.load({**COMPLETE, **EVERYWHERE, **CERTIFICATE, **credentials})
    assert (settings.has_tls, settings.authenticates) == (True, True)


@pytest.mark.parametrize(
    ("given", "exposure"),
    [
        ({}, "open"),
        ({"MEDIABRIDGE_LISTEN": "unix:/run/bridge.sock"}, "open"),
        (KEYS, "closed"),
        (CERTIFICATE, "closed"),
        ({**EVERYWHERE, "MEDIABRIDGE_ALLOW_INSECURE_LISTEN": "true"}, "closed"),
        ({"MEDIABRIDGE_REFLECTION": "Closed"}, "closed"),
        ({**KEYS, "MEDIABRIDGE_REFLECTION": "open"}, "open"),
        ({**KEYS, "MEDIABRIDGE_REFLECTION": "authenticated"}, "authenticated"),
    ],
)
def test_reflection_is_open_where_nothing_else_is_closed_unless_set(
    given: dict[str, str], exposure: str
) -> None:
    settings = Settings.load({**COMPLETE, **given})
    assert settings.reflection_exposure == exposure
    assert settings.health == "open"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"MEDIABRIDGE_TLS_CERT": "x"}, "MEDIABRIDGE_TLS_KEY"),
        ({"MEDIABRIDGE_TLS_KEY": "x"}, "MEDIABRIDGE_TLS_KEY"),
        ({"MEDIABRIDGE_TLS_CLIENT_CA": "x"}, "MEDIABRIDGE_TLS_CLIENT_CA"),
        ({**TOKENS, "MEDIABRIDGE_JWT_ISSUER": ""}, "MEDIABRIDGE_JWT_ISSUER"),
        ({**TOKENS, "MEDIABRIDGE_JWT_AUDIENCE": ""}, "MEDIABRIDGE_JWT_AUDIENCE"),
        ({"MEDIABRIDGE_JWT_ISSUER": "x"}, "MEDIABRIDGE_JWT_ISSUER"),
        ({"MEDIABRIDGE_JWT_AUDIENCE": "x"}, "MEDIABRIDGE_JWT_AUDIENCE"),
        ({**TOKENS, "MEDIABRIDGE_JWT_JWKS": "http://issuer.test/jwks"}, "MEDIABRIDGE_JWT_JWKS"),
        ({**TOKENS, "MEDIABRIDGE_JWT_JWKS": "ftp://issuer.test/jwks"}, "MEDIABRIDGE_JWT_JWKS"),
        ({**TOKENS, "MEDIABRIDGE_JWT_JWKS": "https://u:p@issuer.test"}, "MEDIABRIDGE_JWT_JWKS"),
        ({"MEDIABRIDGE_TENANT_CALLS": "-1"}, "MEDIABRIDGE_TENANT_CALLS"),
        ({"MEDIABRIDGE_KEY_STREAMS": "many"}, "MEDIABRIDGE_KEY_STREAMS"),
        ({"MEDIABRIDGE_HEALTH": "auto"}, "MEDIABRIDGE_HEALTH"),
    ],
)
def test_what_is_half_said_of_the_listener_is_refused(given: dict[str, str], problem: str) -> None:
    assert set(problems(**given)) == {problem}


def test_an_issuer_on_this_machine_needs_no_tls() -> None:
    url = "http://127.0.0.1:8080/jwks"
    assert Settings.load({**COMPLETE, **TOKENS, "MEDIABRIDGE_JWT_JWKS": url}).jwt_jwks == url


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


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:0", "127.8.8.8:50051", "[::1]:50051", "localhost:50051", "unix:/run/bridge.sock"],
)
def test_listening_on_this_machine_is_allowed(address: str) -> None:
    assert Settings.load({**COMPLETE, "MEDIABRIDGE_LISTEN": address}).listen == address


@pytest.mark.parametrize(
    "address",
    [
        "50051",
        ":50051",
        "127.0.0.1",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "::1:50051",
        "unix:bridge.sock",
        "unix:/" + "x" * 107,
        "unix-abstract:x",
        "ipv4:127.0.0.1:1",
        "127.0.0.1:\uff11",
    ],
)
def test_what_is_no_address_is_refused_even_where_insecure_is_allowed(address: str) -> None:
    refused = problems(MEDIABRIDGE_LISTEN=address, MEDIABRIDGE_ALLOW_INSECURE_LISTEN="true")
    assert "must be" in refused["MEDIABRIDGE_LISTEN"]


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


def test_metrics_are_served_nowhere_unless_asked_for() -> None:
    assert Settings.load(COMPLETE).metrics_listen is None


@pytest.mark.parametrize("address", ["0.0.0.0:9464", "[::]:9464", "10.0.0.7:9464"])
def test_metrics_beyond_this_machine_are_refused_in_plain_words(address: str) -> None:
    refused = problems(MEDIABRIDGE_METRICS_LISTEN=address)
    assert "MEDIABRIDGE_METRICS_ALLOW_REMOTE" in refused["MEDIABRIDGE_METRICS_LISTEN"]
    allowed = {
        "MEDIABRIDGE_METRICS_LISTEN": address,
        "MEDIABRIDGE_METRICS_ALLOW_REMOTE": "true",
    }
    assert Settings.load({**COMPLETE, **allowed}).metrics_listen == address


@pytest.mark.parametrize("address", ["9464", "127.0.0.1", "unix:/run/metrics", "localhost:70000"])
def test_what_is_no_host_and_port_cannot_serve_metrics(address: str) -> None:
    assert set(problems(MEDIABRIDGE_METRICS_LISTEN=address)) == {"MEDIABRIDGE_METRICS_LISTEN"}


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


def test_wrong_entry_of_the_listed_servers_is_named() -> None:
    refused = problems(MEDIABRIDGE_TOOL_HTTP_ALLOW="api.example.com, http://x")
    assert set(refused) == {"MEDIABRIDGE_TOOL_HTTP_ALLOW"}
    assert "http://x" in refused["MEDIABRIDGE_TOOL_HTTP_ALLOW"]


def test_key_and_secret_of_a_bucket_go_together() -> None:
    for name, value in BUCKET.items():
        assert set(problems(**{name: value})) == {"MEDIABRIDGE_EGRESS_SECRET"}
    settings = Settings.load({**COMPLETE, **BUCKET, "MEDIABRIDGE_EGRESS_BUCKET": "calls"})
    assert settings.egress is None, "nothing is recorded unless it is said what"
    settings = Settings.load({**COMPLETE, "MEDIABRIDGE_EGRESS": "Tracks"})
    assert settings.egress is not None
    assert settings.egress.tracks
    assert settings.egress.s3 is None


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
