"""What does a call's report look like in a terminal."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bridge.cli.words import amount, ending, milliseconds, parts, printable
from bridge.v1.report_pb2 import CallReport, Turn

_SETUP = ("room", "media", "model", "join", "first_agent_audio")
_QUANTILES = ("min", "p50", "p90", "p95", "p99", "max")


def render_report(report: CallReport) -> RenderableType:
    """Draw a report."""
    parts: list[RenderableType] = [_facts(report)]
    if report.turns:
        parts += [Text(""), _turns(report)]
    parts += [
        Text(f"incident {incident.code}: {printable(incident.message)}", style="yellow")
        for incident in report.incidents
    ]
    return Group(*parts)


def _facts(report: CallReport) -> Table:
    call, media = report.call, report.media
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", justify="right")
    facts.add_column()
    facts.add_row("call", Text(f"{call.connection_id} in {call.room_name}"))
    facts.add_row("agent", Text(f"{call.agent_id}, {call.model}"))
    facts.add_row("ended", Text(ending(call)))
    facts.add_row("lasted", _seconds(call.active_duration))
    facts.add_row("ready after", _named(report.setup, _SETUP))
    if report.turn_latency.count:
        facts.add_row("turn latency", _named(report.turn_latency, _QUANTILES))
    facts.add_row(
        "talk",
        f"caller {_seconds(report.talk_time.user)}, agent {_seconds(report.talk_time.agent)}",
    )
    facts.add_row(
        "media",
        f"in {_seconds(media.audio_in)} ({_seconds(media.dropped_in)} dropped), "
        f"played {_seconds(media.played_out)} of {_seconds(media.audio_out)}, "
        f"{media.underruns} underruns, {media.interruptions} interruptions, "
        f"packets lost {media.packets_lost_in} in {media.packets_lost_out} out",
    )
    usage = call.usage
    facts.add_row(
        "tokens",
        f"in {usage.input_text_tokens} text {usage.input_audio_tokens} audio, "
        f"out {usage.output_text_tokens} text {usage.output_audio_tokens} audio",
    )
    if call.HasField("cost"):
        facts.add_row("cost", amount(call.cost))
    return facts


def _turns(report: CallReport) -> Table:
    table = Table(title="turns", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("caller")
    table.add_column("agent")
    table.add_column("heard", justify="right")
    table.add_column("latency", justify="right")
    for turn in report.turns:
        cut = ", interrupted" if turn.interrupted else ""
        table.add_row(
            str(turn.index),
            Text(printable(turn.user_text)),
            Text(printable(turn.agent_text)),
            f"{_seconds(turn.agent_heard)}{cut}",
            _latency(turn),
        )
    return table


def _latency(turn: Turn) -> str:
    if not turn.HasField("latency"):
        return "-"
    return f"{milliseconds(turn.latency):.0f} ms\n{parts(turn.latency_parts)}"


def _named(message: Message, fields: tuple[str, ...]) -> str:
    """Return the spans that are set, with their names."""
    return ", ".join(
        f"{name.replace('_', ' ')} {milliseconds(getattr(message, name)):.0f} ms"
        for name in fields
        if message.HasField(name)
    )


def _seconds(span: Duration) -> str:
    return f"{milliseconds(span) / 1000:.1f} s"
