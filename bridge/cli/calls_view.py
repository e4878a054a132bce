"""What do all live calls look like at once: one row each."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table

from bridge.cli.view import bar, milliseconds_text, state_text
from bridge.cli.words import word
from bridge.v1 import call_pb2
from bridge.v1.telemetry_pb2 import CallTelemetry
from bridge.v1.telemetry_service_pb2 import GetStatsResponse


def render_calls(
    samples: Sequence[CallTelemetry], stats: GetStatsResponse | None
) -> RenderableType:
    """Draw every live call as a row."""
    table = Table(title=_title(stats), title_justify="left", expand=False)
    table.add_column("call", no_wrap=True)
    for name in ("state", "agent", "caller level", "agent level", "latency", "lost"):
        table.add_column(name, justify="right" if name in {"latency", "lost"} else "left")
    for sample in samples:
        table.add_row(
            sample.connection_id,
            state_text(sample.state),
            word(call_pb2.AgentState, sample.agent_state),
            bar(sample.uplink.level_dbfs, "cyan"),
            bar(sample.downlink.level_dbfs, "magenta"),
            milliseconds_text(_latency_ms(sample)),
            f"{sample.uplink.dropped_ms + sample.downlink.dropped_ms:.0f} ms",
        )
    if not samples:
        table.caption = "No calls."
    return table


def calls_lines(samples: Sequence[CallTelemetry]) -> list[str]:
    """Return every live call as a line; where there is none, say so."""
    return [
        f"{sample.connection_id}  {word(call_pb2.CallState, sample.state)}"
        f"  agent {word(call_pb2.AgentState, sample.agent_state)}"
        f"  caller {sample.uplink.level_dbfs:.1f} dBFS  agent {sample.downlink.level_dbfs:.1f} dBFS"
        f"  latency {milliseconds_text(_latency_ms(sample))}"
        for sample in samples
    ] or ["no calls"]


def _latency_ms(sample: CallTelemetry) -> float | None:
    model = sample.model
    return model.turn_latency_ms if model.HasField("turn_latency_ms") else None


def _title(stats: GetStatsResponse | None) -> str:
    if stats is None:
        return "mediabridge"
    draining = ", draining" if stats.draining else ""
    return (
        f"mediabridge {stats.version}: {stats.active_connections} of {stats.slots_total} slots "
        f"taken, {stats.calls_created} calls since it started{draining}"
    )
