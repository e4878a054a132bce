"""What can be said on the command line: the group `mediabridge`, its commands loaded when used."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import click

from bridge.cli.extras import needs_extra


@dataclass(frozen=True, slots=True)
class _Lazy:
    """A command that is imported when it is used."""

    module: str
    summary: str
    extra: str = ""
    """What must be installed beyond the base; "" where that is enough."""
    hidden: bool = False


_COMMANDS: Final[Mapping[str, _Lazy]] = {
    "serve": _Lazy("bridge.cli.server", "Run the server.", "server"),
    "worker": _Lazy("bridge.cli.worker", "Carry calls for a server.", "server", hidden=True),
    "call": _Lazy("bridge.cli.call", "Place a call with a recording as the caller.", "server"),
    "join": _Lazy("bridge.cli.join", "Be the caller of a call that somebody created.", "server"),
    "watch": _Lazy("bridge.cli.watch", "Watch all live calls, or one call's events."),
    "delete": _Lazy("bridge.cli.delete", "Delete what is kept of a call that is over."),
    "health": _Lazy("bridge.cli.health", "Ask whether a server takes calls now.", "server"),
    "model": _Lazy("bridge.cli.model", "Run the simulator of a realtime model.", "server"),
    "sandbox": _Lazy("bridge.cli.sandbox", "Run all of it for the tests of a gateway.", "server"),
    "doctor": _Lazy("bridge.cli.doctor", "Say what is wrong, and what to do.", "server"),
    "debug": _Lazy("bridge.cli.debug", "Look into a server that serves."),
    "keys": _Lazy("bridge.cli.keys", "Create, list and revoke API keys.", "server"),
    "store": _Lazy("bridge.cli.store", "Migrate the store, or delete calls from it.", "server"),
    "webhooks": _Lazy("bridge.cli.webhooks", "List and replay what no endpoint took.", "server"),
    "demo": _Lazy("bridge.cli.demo", "Show everything at once on this machine.", "demo,server"),
}


class _LazyGroup(click.Group):
    """Knows its commands by name, so that one that cannot be imported disturbs no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        lazy = _COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        with needs_extra(lazy.extra, f"`mediabridge {cmd_name}`"):
            command = importlib.import_module(lazy.module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{lazy.module}.command is no command")
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            shown = [(name, lazy) for name, lazy in _COMMANDS.items() if not lazy.hidden]
            formatter.write_dl([(name, lazy.summary) for name, lazy in shown])


def _version() -> str:
    try:
        return version("mediabridge")
    except PackageNotFoundError:
        return "unknown"


@click.group(cls=_LazyGroup)
@click.version_option(_version(), prog_name="mediabridge")
def main() -> None:
    """Voice calls between LiveKit rooms and realtime models, steered over gRPC."""


if __name__ == "__main__":
    main()
