"""Where a server may listen, and behind what doors."""

import pytest

from bridge.settings import Settings
from tests.unit.environments import COMPLETE, problems

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
