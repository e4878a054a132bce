"""Is what is known of a call drawn, and nothing that a terminal would obey?"""

from rich.console import Console, RenderableType

from bridge.cli.calls_view import calls_lines, render_calls
from bridge.cli.report_view import render_report
from bridge.cli.view import CallScreen, after_event, after_telemetry, bar, render
from bridge.cli.words import line
from bridge.v1 import call_pb2, event_pb2
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.telemetry_service_pb2 import GetStatsResponse
from tests.unit.cli import messages


def drawn(what: RenderableType, width: int = 120) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def after(*events: CallEvent) -> CallScreen:
    screen = CallScreen("call-1")
    for event in events:
        screen = after_event(screen, event)
    return screen


def test_the_screen_shows_state_and_agent() -> None:
    screen = after(
        messages.state(call_pb2.CALL_STATE_ACTIVE), messages.agent(call_pb2.AGENT_STATE_THINKING)
    )
    text = drawn(render(screen))
    assert "call-1" in text
    assert "active" in text
    assert "thinking" in text


def test_a_report_says_what_the_call_cost_where_that_is_known() -> None:
    report = messages.report()
    assert "cost" not in drawn(render_report(report))
    report.call.cost.micro_units = 1_230_450
    report.call.cost.currency = "USD"
    report.call.cost.price_version = "v7"
    assert "1.23045 USD (v7)" in drawn(render_report(report))
    report.call.cost.micro_units = 7_000_000
    assert "7.00 USD (v7)" in drawn(render_report(report))


def test_later_words_of_an_item_replace_the_earlier_ones() -> None:
    screen = after(
        messages.said("i1", "Good", final=False),
        messages.said("i2", "Hi", caller=True),
        messages.said("i1", "Good day"),
    )
    assert [(words.text, words.is_final) for words in screen.transcript] == [
        ("Good day", True),
        ("Hi", True),
    ]


def test_an_interrupted_item_is_marked_and_stays_so() -> None:
    screen = after(
        messages.said("i1", "Good", final=False),
        messages.interrupted("i1"),
        messages.said("i1", "Good d"),
    )
    assert screen.transcript[0].is_cut
    assert "interrupted" in drawn(render(screen))


def test_figures_move_the_bars_and_the_latency() -> None:
    screen = after_telemetry(CallScreen("call-1"), messages.sample())
    text = drawn(render(screen))
    assert "-30.0 dBFS" in text
    assert "silent" in text
    assert "230 ms" in text


def test_an_unknown_latency_is_a_dash() -> None:
    sample = messages.sample()
    sample.model.ClearField("turn_latency_ms")
    assert after_telemetry(CallScreen("call-1"), sample).latency_ms is None


def test_a_warning_is_shown() -> None:
    assert "too slow" in drawn(render(after(messages.warning("too slow"))))


def test_the_bar_grows_with_the_level() -> None:
    filled = [bar(level, "cyan").plain.count("█") for level in (-127, -60, -30, 0, 6)]
    assert filled == [0, 0, 15, 30, 30]


def test_spoken_words_cannot_steer_the_terminal() -> None:
    nasty = "a\x1b[2Jb\r\nc"
    assert after(messages.said("i1", nasty)).transcript[0].text == "a [2Jb  c"
    assert "\x1b" not in (line(messages.said("i1", nasty)) or "")
    assert "[bold]you[/bold]" in drawn(render_report(messages.report()))


def test_every_kind_of_event_has_a_line() -> None:
    for field in CallEvent.DESCRIPTOR.oneofs_by_name["kind"].fields:
        event = CallEvent()
        getattr(event, field.name).SetInParent()
        said = line(event)
        assert (said is None) == (field.name == "transcript")


def test_words_that_are_not_final_have_no_line() -> None:
    assert line(messages.said("i1", "Goo", final=False)) is None


def test_a_kind_of_a_newer_server_has_no_line() -> None:
    assert line(CallEvent(sequence=1)) is None


def test_a_state_of_a_newer_server_is_a_number() -> None:
    event = CallEvent.FromString(b"\x52\x02\x08\x63")  # state_changed { state: 99 }
    assert "call: 99" in (line(event) or "")


def test_a_session_that_goes_on_says_what_is_lost() -> None:
    changed = event_pb2.ModelStateChanged(state=event_pb2.LINK_STATE_RESUMED)
    changed.gap.FromMilliseconds(250)
    changed.lost_audio.FromMilliseconds(40)
    said = line(CallEvent(model_state_changed=changed))
    assert "model: resumed after 250 ms, 40 ms of callers' audio lost" in (said or "")


def test_a_measured_turn_says_how_long_was_waited_and_for_what() -> None:
    parts = messages.report().turns[1].latency_parts
    measured = event_pb2.TurnMeasured(turn=2, latency_parts=parts)
    measured.latency.FromMilliseconds(230)
    said = line(CallEvent(turn_measured=measured))
    expected = "heard after 230 ms (endpointing 120, model 80, transport 18, playout 12)"
    assert expected in (said or "")


def test_the_last_line_says_why_it_ended() -> None:
    assert "ended: api ended (fault: none)" in (line(messages.ended()) or "")


def test_the_report_names_times_turns_and_interruptions() -> None:
    text = drawn(render_report(messages.report()))
    assert "room 12 ms" in text
    assert "p50 230 ms" in text
    assert "endpointing 120, model 80, transport 18, playout 12" in " ".join(text.split())
    assert "Good day" in text
    assert "interrupted" in text


def test_all_calls_are_rows() -> None:
    samples = [messages.sample("call-1"), messages.sample("call-2")]
    stats = GetStatsResponse(active_connections=2, slots_total=8, draining=True)
    text = drawn(render_calls(samples, stats))
    assert "call-1" in text
    assert "call-2" in text
    assert "2 of 8 slots" in text
    assert "draining" in text
    assert len(calls_lines(samples)) == 2


def test_a_call_s_id_can_be_copied_from_a_narrow_terminal() -> None:
    sample = messages.sample("call-e929a8e60330d018d1c9ea12e2ba5d98")
    assert sample.connection_id in drawn(render_calls([sample], None), width=80)


def test_no_calls_are_said_so() -> None:
    assert "No calls" in drawn(render_calls([], None))
    assert calls_lines([]) == ["no calls"]
