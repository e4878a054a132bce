"""Which server does a command speak to, and what does it show there: options of client commands."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import grpc

from bridge.client import BridgeCallError, BridgeClient
from bridge.client.connection import Connection
from bridge.secret_files import SUFFIX, read_secret

DEFAULT_TARGET: Final = "127.0.0.1:50051"
# Not an option: arguments can be read by any user of the machine.
KEY_VARIABLE: Final = "MEDIABRIDGE_API_KEY"

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

_Command = Callable[..., Any]
_Connected = TypeVar("_Connected", BridgeClient, Connection)


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and how it and we prove ourselves."""

    address: str
    tls: bool = False
    ca: Path | None = None
    cert: Path | None = None
    cert_key: Path | None = None
    plaintext_key: bool = False


def server_options(command: _Command) -> _Command:
    """Add the options that say which server; the command gets them as one `server`."""

    @wraps(command)
    def with_server(
        *,
        server: str,
        tls: bool,
        ca: Path | None,
        cert: Path | None,
        cert_key: Path | None,
        plaintext_key: bool,
        **rest: Any,  # noqa: ANN401 - the command's own
    ) -> Any:  # noqa: ANN401 - whatever the command returns
        return command(server=Server(server, tls, ca, cert, cert_key, plaintext_key), **rest)

    for option in (
        click.option(
            "--plaintext-key",
            is_flag=True,
            help="Send the API key in the clear, also to another machine.",
        ),
        click.option(
            "--cert-key",
            type=_FILE,
            envvar="MEDIABRIDGE_CLIENT_KEY",
            help="PEM file: the private key of --cert.",
        ),
        click.option(
            "--cert",
            type=_FILE,
            envvar="MEDIABRIDGE_CLIENT_CERT",
            help="PEM file: our certificate, where the server wants one.",
        ),
        click.option(
            "--ca",
            type=_FILE,
            envvar="MEDIABRIDGE_SERVER_CA",
            help="PEM file: encrypt, and check the server by these certificates.",
        ),
        click.option(
            "--tls", is_flag=True, help="Encrypt, and check the server by well-known authorities."
        ),
        click.option(
            "--server",
            default=DEFAULT_TARGET,
            show_default=True,
            metavar="ADDR",
            help=f"The server, host:port or unix:/path. {KEY_VARIABLE} holds the API key or token, "
            f"or {KEY_VARIABLE}{SUFFIX} names a file that does.",
        ),
    ):
        with_server = option(with_server)
    return with_server


def client_for(server: Server) -> BridgeClient:
    """Return a client for what the options say."""
    return _connected(BridgeClient, server)


def connection_for(server: Server, deadline_s: float) -> Connection:
    """Return a connection for RPCs that are not the API's own, such as health."""
    return _connected(partial(Connection, deadline_s=deadline_s), server)


def _connected(make: Callable[..., _Connected], server: Server) -> _Connected:
    try:
        return make(
            server.address,
            api_key=_api_key(),
            credentials=_credentials(server),
            plaintext_key=server.plaintext_key,
        )
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from wrong


def _api_key() -> str | Callable[[], str] | None:
    key, file = os.environ.get(KEY_VARIABLE), os.environ.get(f"{KEY_VARIABLE}{SUFFIX}")
    if not file:
        return key or None
    if key:
        raise click.UsageError(f"{KEY_VARIABLE}{SUFFIX} is given beside {KEY_VARIABLE}")

    def current() -> str:
        try:
            return read_secret(Path(file))
        except ValueError as wrong:
            raise click.UsageError(f"{KEY_VARIABLE}{SUFFIX}: {wrong}") from wrong

    current()  # what is wrong with it is said before anything is begun
    return current


def _credentials(server: Server) -> grpc.ChannelCredentials | None:
    if (server.cert is None) != (server.cert_key is None):
        raise click.UsageError("give both --cert and --cert-key, or neither")
    if not (server.tls or server.ca or server.cert):
        return None
    return grpc.ssl_channel_credentials(*map(_bytes, (server.ca, server.cert_key, server.cert)))


def _bytes(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


@contextmanager
def refusals_explained() -> Iterator[None]:
    """Turn a server's refusal into a message and exit status 1."""
    try:
        yield
    except BridgeCallError as refused:
        lines = [str(refused)]
        lines += [f"  {wrong.field}: {wrong.description}" for wrong in refused.violations]
        if refused.retry_after is not None:
            lines.append(f"  try again in {refused.retry_after.total_seconds():.1f} s")
        raise click.ClickException("\n".join(lines)) from refused
