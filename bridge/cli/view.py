"""What does a live call look like: what is known of it, and how that is drawn in a terminal."""

from dataclasses import dataclass, replace
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.cli.words import printable, word
from bridge.v1 import call_pb2, event_pb2
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.telemetry_pb2 import CallTelemetry

SILENT_DBFS: Final = -127.0

_BAR_CELLS: Final = 30
# Below this is the noise of a quiet room; above, speech has about 40 dB of range.
_BAR_FLOOR_DBFS: Final = -60.0
_LOUD_DBFS: Final = -6.0
_LINES_SHOWN: Final = 10
_STYLE_OF_STATE: Final = {
    call_pb2.CALL_STATE_ACTIVE: "bold green",
    call_pb2.CALL_STATE_RECONNECTING: "bold yellow",
    call_pb2.CALL_STATE_ENDING: "red",
    call_pb2.CALL_STATE_ENDED: "red",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What one item of the conversation says so far."""

    item_id: str
    is_caller: bool
    text: str
    is_final: bool
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class CallScreen:
    """What is known of a call."""

    connection_id: str
    state: call_pb2.CallState.ValueType = call_pb2.CALL_STATE_CREATED
    agent_state: call_pb2.AgentState.ValueType = call_pb2.AGENT_STATE_IDLE
    caller_speaks: bool = False
    caller_dbfs: float = SILENT_DBFS
    agent_dbfs: float = SILENT_DBFS
    latency_ms: float | None = None
    transcript: tuple[Words, ...] = ()
    notice: str = ""


def after_event(screen: CallScreen, event: CallEvent) -> CallScreen:
    """Return what is known of the call once `event` has happened."""
    match event.WhichOneof("kind"):
        case "state_changed":
            return replace(screen, state=event.state_changed.state)
        case "agent_state_changed":
            return replace(screen, agent_state=event.agent_state_changed.state)
        case "user_speech":
            return replace(screen, caller_speaks=event.user_speech.speaking)
        case "transcript":
            return _heard(screen, event.transcript)
        case "interruption":
            return _cut(screen, event.interruption.item_id)
        case "warning":
            return replace(screen, notice=printable(event.warning.message))
        case _:
            return screen


def after_telemetry(screen: CallScreen, sample: CallTelemetry) -> CallScreen:
    """Return what is known of the call once its figures have come."""
    model = sample.model
    return replace(
        screen,
        state=sample.state,
        agent_state=sample.agent_state,
        caller_dbfs=sample.uplink.level_dbfs,
        agent_dbfs=sample.downlink.level_dbfs,
        latency_ms=model.turn_latency_ms if model.HasField("turn_latency_ms") else None,
    )


def render(screen: CallScreen) -> RenderableType:
    """Draw a call."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", justify="right")
    facts.add_column()
    facts.add_row("call is", state_text(screen.state))
    facts.add_row("agent is", word(call_pb2.AgentState, screen.agent_state))
    facts.add_row("caller level", bar(screen.caller_dbfs, "cyan", lit=screen.caller_speaks))
    speaks = screen.agent_state == call_pb2.AGENT_STATE_SPEAKING
    facts.add_row("agent level", bar(screen.agent_dbfs, "magenta", lit=speaks))
    facts.add_row("turn latency", milliseconds_text(screen.latency_ms))
    if screen.notice:
        facts.add_row("warning", Text(screen.notice, style="yellow"))
    said = [words_text(words) for words in screen.transcript[-_LINES_SHOWN:]]
    return Panel(
        Group(facts, Text(""), *said),
        title=screen.connection_id,
        title_align="left",
        padding=(0, 1),
    )


def bar(dbfs: float, style: str, *, lit: bool = True) -> Text:
    """Draw a level, silence on the left."""
    share = (min(0.0, dbfs) - _BAR_FLOOR_DBFS) / -_BAR_FLOOR_DBFS
    cells = round(max(0.0, share) * _BAR_CELLS)
    text = Text("█" * cells, style="red" if dbfs > _LOUD_DBFS else style if lit else f"dim {style}")
    text.append("░" * (_BAR_CELLS - cells), style="dim")
    text.append(f" {dbfs:6.1f} dBFS" if dbfs > SILENT_DBFS else "      silent", style="dim")
    return text


def state_text(state: call_pb2.CallState.ValueType) -> Text:
    """Write a call's state in its colour."""
    return Text(word(call_pb2.CallState, state), style=_STYLE_OF_STATE.get(state, ""))


def milliseconds_text(value: float | None) -> str:
    """Write a span that may not be known yet."""
    return "-" if value is None else f"{value:.0f} ms"


def words_text(words: Words) -> Text:
    """Write what somebody said."""
    who = Text("caller  ", style="cyan") if words.is_caller else Text("agent   ", style="magenta")
    who.append(words.text, style="" if words.is_final else "italic dim")
    if words.is_cut:
        who.append("  - interrupted", style="red")
    return who


def _heard(screen: CallScreen, transcript: event_pb2.Transcript) -> CallScreen:
    known = {words.item_id: words for words in screen.transcript}
    before = known.get(transcript.item_id)
    known[transcript.item_id] = Words(
        item_id=transcript.item_id,
        is_caller=transcript.role == event_pb2.TRANSCRIPT_ROLE_USER,
        text=printable(transcript.text),
        is_final=transcript.final,
        is_cut=before.is_cut if before else False,
    )
    return replace(screen, transcript=tuple(known.values()))


def _cut(screen: CallScreen, item_id: str) -> CallScreen:
    cut = (
        replace(words, is_cut=True) if words.item_id == item_id else words
        for words in screen.transcript
    )
    return replace(screen, transcript=tuple(cut))
