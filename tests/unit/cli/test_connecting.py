"""What client commands show to a server, and where they take it from."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bridge.cli.connecting import Server, client_for, server_options
from tests.fakes.certificates import Authority

Given = Callable[..., Server]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Return what the options make of arguments."""
    for name in ("API_KEY", "API_KEY_FILE", "SERVER_CA", "CLIENT_CERT", "CLIENT_KEY"):
        monkeypatch.delenv(f"MEDIABRIDGE_{name}", raising=False)

    def options(*arguments: str) -> Server:
        seen: list[Server] = []

        @click.command()
        @server_options
        def command(*, server: Server) -> None:
            seen.append(server)

        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0, result.output
        return seen[0]

    return options


@pytest.fixture
def pem(tmp_path: Path) -> dict[str, Path]:
    pair, files = Authority("test").issue(), {}
    for name, content in (("ca", pair.certificate), ("cert", pair.certificate), ("key", pair.key)):
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_bytes(content)
    return files


async def test_files_are_named_by_options_or_by_the_environment(
    given: Given, pem: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--ca", str(pem["ca"]), "--cert", str(pem["cert"]), "--cert-key", str(pem["key"]))
    expected = Server("127.0.0.1:50051", ca=pem["ca"], cert=pem["cert"], cert_key=pem["key"])
    assert given(*arguments) == expected
    monkeypatch.setenv("MEDIABRIDGE_SERVER_CA", str(pem["ca"]))
    monkeypatch.setenv("MEDIABRIDGE_CLIENT_CERT", str(pem["cert"]))
    monkeypatch.setenv("MEDIABRIDGE_CLIENT_KEY", str(pem["key"]))
    assert given() == expected
    await client_for(given()).aclose()


def test_certificate_without_its_key_is_refused(given: Given, pem: dict[str, Path]) -> None:
    with pytest.raises(click.UsageError, match="--cert-key"):
        client_for(given("--cert", str(pem["cert"])))


async def test_key_goes_to_another_machine_by_tls_alone_unless_allowed(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIABRIDGE_API_KEY", "mbk_secret")
    with pytest.raises(click.UsageError, match="in the clear"):
        client_for(given("--server", "10.0.0.7:50051"))
    for arguments in (("--tls",), ("--plaintext-key",)):
        await client_for(given("--server", "10.0.0.7:50051", *arguments)).aclose()
    await client_for(given()).aclose()


async def test_key_of_a_file_is_the_one_that_is_there_now(
    given: Given, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    monkeypatch.setenv("MEDIABRIDGE_API_KEY_FILE", str(path))
    with pytest.raises(click.UsageError, match="MEDIABRIDGE_API_KEY_FILE: cannot be read"):
        client_for(given())
    path.write_text("first\n")
    client = client_for(given())
    assert client._connection.metadata() == (("authorization", "Bearer first"),)
    path.write_text("second\n")
    assert client._connection.metadata() == (("authorization", "Bearer second"),)
    await client.aclose()
    monkeypatch.setenv("MEDIABRIDGE_API_KEY", "beside")
    with pytest.raises(click.UsageError, match="beside"):
        client_for(given())


def test_no_option_takes_a_key(given: Given) -> None:
    with pytest.raises(AssertionError, match="No such option"):
        given("--api-key", "mbk_secret")
