"""Which servers tools may be run on, and which nobody reaches by a name that somebody else owns."""

import pytest

from bridge.destinations import DestinationRefused, Destinations

LISTED = Destinations(
    "api.example.com, *.example.org:8443\n crm.internal:8080 10.1.0.0/16:8080 [::1]:9000 192.0.2.7"
)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("api.example.com", 443),
        ("API.Example.com.", 443),
        ("a.example.org", 8443),
        ("a.b.example.org", 8443),
        ("10.1.2.3", 8080),
        ("::1", 9000),
        ("192.0.2.7", 443),
    ],
)
def test_what_is_listed_may_be_asked(host: str, port: int) -> None:
    LISTED.check_host(host, port)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("api.example.com", 80),
        ("api.example.com", 8443),
        ("xapi.example.com", 443),
        ("api.example.com.evil.test", 443),
        ("example.org", 8443),
        ("evilexample.org", 8443),
        ("10.2.0.1", 8080),
        ("10.1.2.3", 443),
        ("::2", 9000),
        ("127.0.0.1", 9000),
        ("8.8.8.8", 443),
        ("0x7f000001", 443),
        ("2130706433", 443),
        ("localhost", 9000),
        ("", 443),
    ],
)
def test_what_is_not_listed_may_not(host: str, port: int) -> None:
    with pytest.raises(DestinationRefused):
        LISTED.check_host(host, port)


def test_nothing_is_listed_by_default() -> None:
    with pytest.raises(DestinationRefused):
        Destinations().check_host("api.example.com", 443)


def test_listed_name_may_stand_for_public_addresses() -> None:
    public = ["93.184.215.14", "2606:2800:21f::1"]
    assert LISTED.permitted(public, 443) == public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.9.9.9",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - not to be listened on
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%2",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "2001:0:0:0:0:0:80ff:fffe",
    ],
)
def test_listed_name_never_stands_for_addresses_of_our_own_network(address: str) -> None:
    with pytest.raises(DestinationRefused):
        LISTED.permitted([address], 443)


def test_of_several_addresses_those_that_are_permitted_are_kept() -> None:
    assert LISTED.permitted(["127.0.0.1", "93.184.215.14"], 443) == ["93.184.215.14"]


def test_listed_network_is_permitted_on_its_port_alone() -> None:
    assert LISTED.permitted(["10.1.2.3"], 8080) == ["10.1.2.3"]
    with pytest.raises(DestinationRefused):
        LISTED.permitted(["10.1.2.3"], 443)


@pytest.mark.parametrize(
    "entry",
    [
        "http://api.example.com",
        "api.example.com:0",
        "api.example.com:65536",
        "api.example.com:x",
        "10.0.0.300",
        "10.1.2.3/8",
        "*",
        "*.",
        "a*.example.com",
        "user@api.example.com",
        "[::1",
    ],
)
def test_entry_that_is_none_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is no") as wrong:
        Destinations(f"api.example.com, {entry}")
    assert entry in str(wrong.value)
