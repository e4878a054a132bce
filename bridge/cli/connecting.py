"""Which server does a command speak to: the options all client commands share."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import grpc

from bridge.client import BridgeCallError, BridgeClient

DEFAULT_TARGET: Final = "127.0.0.1:50051"
# Not an option: arguments can be read by any user of the machine.
KEY_VARIABLE: Final = "MEDIABRIDGE_API_KEY"

_Command = Callable[..., Any]


def server_options(command: _Command) -> _Command:
    """Add --server and --tls."""
    command = click.option(
        "--tls", is_flag=True, help="Encrypt, and check the server by the system's certificates."
    )(command)
    return click.option(
        "--server",
        default=DEFAULT_TARGET,
        show_default=True,
        metavar="ADDR",
        help=f"The server, host:port or unix:/path. {KEY_VARIABLE} holds the API key.",
    )(command)


def client_for(server: str, *, tls: bool) -> BridgeClient:
    """Return a client for what the options say."""
    credentials = grpc.ssl_channel_credentials() if tls else None
    return BridgeClient(
        server, api_key=os.environ.get(KEY_VARIABLE) or None, credentials=credentials
    )


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
