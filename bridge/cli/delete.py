"""Nothing is kept of a call any more: `mediabridge delete`."""

from collections.abc import Iterator

import click
from rich.console import Console

from bridge.cli.connecting import Server, client_for, refusals_explained, server_options
from bridge.cli.display import print_line
from bridge.cli.running import run
from bridge.v1.call_service_pb2 import DeleteCallDataResponse


@click.command("delete")
@click.argument("connection_id")
@server_options
def command(*, connection_id: str, server: Server) -> None:
    """Delete all that a server keeps of a call that is over, for good.

    Events, report, the files of the bridge's own recording, what waits for webhooks. Wants a key
    with the scope calls:delete.
    """

    async def ask() -> DeleteCallDataResponse:
        async with client_for(server) as bridge:
            return await bridge.delete_call_data(connection_id)

    with refusals_explained():
        deleted = run(ask())
    for line in told(deleted):
        print_line(Console(), line)


def told(deleted: DeleteCallDataResponse) -> Iterator[str]:
    """Yield for people what is gone, and what is not."""
    report = "the report" if deleted.report_deleted else "no report"
    yield (
        f"deleted: {deleted.events_deleted} events, {report}, "
        f"{deleted.recordings_deleted} recordings, {deleted.webhooks_deleted} webhooks"
    )
    for uri in deleted.recordings_left:
        yield f"not within this server's reach: {uri}"
