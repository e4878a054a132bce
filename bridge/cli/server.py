"""How is the server run: `mediabridge serve`."""

import click
import uvloop

from bridge.access.jwks import BadJwks
from bridge.access.key_file import BadKeyFile
from bridge.api.server import ListenError
from bridge.api.tls import BadCertificates
from bridge.cli.serve import serve
from bridge.settings import Settings, SettingsError


@click.command("serve")
def command() -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Everything is set by environment variables, or by a file .env in the working directory; see
    docs/settings.md.
    """
    try:
        settings = Settings.load()
    except SettingsError as wrong:
        raise click.ClickException(str(wrong)) from wrong
    try:
        uvloop.run(serve(settings))
    except* (ListenError, BadCertificates, BadJwks, BadKeyFile) as wrong:
        raise click.ClickException(str(wrong.exceptions[0])) from None
