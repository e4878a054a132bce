"""Does a server take calls now: `mediabridge health`, for probes of containers and supervisors."""

import click
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bridge.cli.connecting import Server, connection_for, refusals_explained, server_options
from bridge.cli.running import run

_SERVING = health_pb2.HealthCheckResponse.SERVING


@click.command("health")
@click.argument("service", default="")
@server_options
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=3.0,
    show_default=True,
    help="Seconds after which no answer is an answer.",
)
def command(*, service: str, server: Server, timeout: float) -> None:
    """Ask for a server's health, and exit with 1 unless it is SERVING.

    SERVICE is one of its services, such as bridge.v1.CallService. Default: the whole.
    """
    with refusals_explained():
        status = run(_asked(server, service, timeout))
    click.echo(health_pb2.HealthCheckResponse.ServingStatus.Name(status))
    if status != _SERVING:
        raise SystemExit(1)


async def _asked(server: Server, service: str, timeout_s: float) -> int:
    connection = connection_for(server, timeout_s)
    try:
        check = health_pb2_grpc.HealthStub(connection.channel).Check
        answer = await connection.unary(check, health_pb2.HealthCheckRequest(service=service))
    finally:
        await connection.aclose()
    return int(answer.status)
