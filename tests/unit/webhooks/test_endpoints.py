"""What may stand in the file of endpoints, and how a mistake in it is told."""

import pytest

from bridge.destinations import Destinations
from bridge.files.checked import BadFile
from bridge.ids import TenantId
from bridge.webhooks.endpoints import EndpointTable, read_endpoints
from bridge.webhooks.signing import key_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of nothing
ALLOWED = Destinations("hooks.example.com 10.0.0.0/8:8080")
FILE = f"""
tenants:
  acme:
    - name: shop
      url: https://hooks.example.com/calls?x=1
      secret: {SECRET}
      events: [ended, transcript]
    - {{name: audit, url: "http://10.1.2.3:8080/", secret: {SECRET}}}
  "": [{{name: rest, url: "https://hooks.example.com/", secret: {SECRET}}}]
"""


def read(text: str) -> EndpointTable:
    return read_endpoints("webhooks.yaml", text.encode(), ALLOWED)


def test_endpoints_are_their_tenant_s() -> None:
    table = read(FILE)
    shop, audit = table.of(TenantId("acme"))
    assert (shop.name, shop.url, shop.key) == (
        "shop",
        "https://hooks.example.com/calls?x=1",
        key_of(SECRET),
    )
    assert shop.wants("ended")
    assert not shop.wants("warning")
    assert audit.wants("warning")
    assert [one.name for one in table.of(TenantId(""))] == ["rest"]
    assert table.of(TenantId("other")) == ()
    assert table.named("audit") is audit
    assert table.named("nobody") is None
    assert table == read(FILE) != read("tenants: {}")
    assert SECRET not in repr(shop)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("tenants: []", "tenants"),
        ("[]", "must be a mapping"),
        (FILE.replace("hooks.example.com/calls", "elsewhere.example/calls"), "not listed"),
        (FILE.replace("10.1.2.3:8080", "127.0.0.1:8080"), "not listed"),
        (FILE.replace("10.1.2.3:8080", "10.1.2.3:81"), "not listed"),
        (FILE.replace("https://hooks.example.com/calls", "ftp://hooks.example.com/"), "https://"),
        (FILE.replace("//hooks.example.com/calls", "//me@hooks.example.com/"), "a user"),
        (FILE.replace("[ended, transcript]", "[finished]"), "is no kind of event"),
        (FILE.replace("name: audit", "name: shop"), "is another endpoint's, too"),
        (FILE.replace("name: audit", 'name: "a b"'), "name"),
        (FILE.replace("events:", "kinds:"), "is unknown"),
        (FILE.replace("      events: [ended, transcript]\n", "      retries: 3\n"), "is unknown"),
    ],
)
def test_mistake_is_told_with_its_place(wrong: str, problem: str) -> None:
    with pytest.raises(BadFile) as bad:
        read(wrong)
    assert problem in str(bad.value)
    assert "webhooks.yaml:" in str(bad.value)


def test_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(BadFile) as bad:
        read(FILE.replace(SECRET, "whsec_hush", 1))
    assert "must be whsec_" in str(bad.value)
    assert "hush" not in str(bad.value)


def test_endpoint_on_request_serves_the_calls_that_name_it() -> None:
    table = read(FILE.replace("name: audit,", "name: audit, on_request: true,"))
    shop, audit = table.of(TenantId("acme"))
    assert [one.serves(None) for one in (shop, audit)] == [True, False]
    assert [one.serves(frozenset({"audit"})) for one in (shop, audit)] == [False, True]
    assert [one.serves(frozenset()) for one in (shop, audit)] == [False, False]
