"""What is counted of calls, held against what the calls report of themselves."""

from dataclasses import replace

import pytest

from bridge.messages import convert
from bridge.messages import events as messages
from bridge.observe.call_metrics import CallMetrics
from bridge.observe.metrics import Metrics
from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.call import FAULT_OF, CallState, CallView, Ending, EndReason
from bridge.ports.event import (
    CallEvent,
    Ended,
    EventKind,
    LinkState,
    MediaStateChanged,
    ModelStateChanged,
    ResponseFinished,
    StateChanged,
    ToolFinished,
    Warned,
)
from bridge.ports.model_event import (
    AudioDelta,
    AudioDone,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
)
from bridge.ports.money import Cost
from bridge.ports.report import CallReport, MediaTotals, SetupTimes
from bridge.ports.tool import ToolCallId, ToolStatus, ToolUse
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SPEC
from tests.fakes.clock import FakeClock, settle
from tests.tones import tone
from tests.unit.calls.rig import Carried, World, carrying
from tests.unit.observe.readings import readings
from tests.unit.workers.samples import sample

OVER = CallView(SPEC, "host", state=CallState.ENDED, ending=Ending(EndReason.MODEL_LOST))
REPORT = CallReport(OVER, True, SetupTimes(), (), None, 0.0, MediaTotals(), ())


class Counted:
    """Metrics, and a call that tells them what a test wants."""

    def __init__(self) -> None:
        self.metrics = Metrics("1.2.3")
        self.calls = CallMetrics(self.metrics)
        self.told: list[CallEvent] = []

    def tell(self, kind: EventKind, at_s: float = 0.0) -> None:
        now = FakeClock().now()
        event = CallEvent(SPEC.connection_id, len(self.told) + 1, now, at_s, kind)
        self.told.append(event)
        self.calls.on_event(messages.event(event))

    def read(self) -> dict[str, float]:
        self.calls.refresh()
        return readings(self.metrics)

    def live(self) -> float:
        return sum(value for name, value in self.read().items() if name.startswith("calls{"))


@pytest.fixture
def counted() -> Counted:
    return Counted()


async def answered(call: Carried, after_s: float, response: str) -> None:
    """Let the caller say something, and the model answer so much later."""
    call.session.push(SpeechStarted(f"u-{response}", 0))
    await call.pass_time(1.0)
    call.session.push(SpeechStopped(f"u-{response}", 0))
    await call.pass_time(after_s)
    item = f"i-{response}"
    call.session.push(ResponseStarted(response, None))
    call.session.push(AudioDelta(response, item, 0, tone(440, 500, MODEL_RATE_HZ)))
    call.session.push(AudioDone(response, item, 0))
    call.session.push(ResponseDone(response, ResponseStatus.COMPLETED, TokenCounts(), ""))
    await settle()
    await call.pass_time(1.0)


async def test_a_call_s_turns_and_stages_are_those_of_its_report(
    world: World, counted: Counted
) -> None:
    async with carrying(world) as call:
        await call.pass_time(2.0)
        await call.join()
        await answered(call, 0.7, "r1")
        await answered(call, 0.25, "r2")
        call.call.end(Ending(EndReason.API_ENDED))
        await call.pass_time(1.0)
        report = await call.assert_ended(EndReason.API_ENDED)
    before = counted.read()
    for event in call.told:
        counted.calls.on_event(messages.event(event))
    read = counted.read()
    assert read.keys() == before.keys(), "nobody sees a series rise that was not there before"
    latencies = [turn.latency for turn in report.turns if turn.latency is not None]
    assert len(latencies) == 2
    assert read["turn_latency_seconds_count"] == 2
    total_s = sum(latency.total_s for latency in latencies)
    assert read["turn_latency_seconds_sum"] == pytest.approx(total_s)
    model_s = sum(latency.model_s for latency in latencies)
    assert read['turn_latency_part_seconds_sum{part="model"}'] == pytest.approx(model_s)
    for stage in ("room", "media", "model", "join", "first_agent_audio"):
        reached_s = getattr(report.setup, f"{stage}_s")
        assert read[f'call_setup_seconds_sum{{stage="{stage}"}}'] == pytest.approx(reached_s)
    assert read["calls_started_total"] == 1
    assert read['calls_ended_total{fault="none",reason="api_ended"}'] == 1
    assert read["call_duration_seconds_sum"] == pytest.approx(report.view.active_duration_s)


def test_live_calls_are_counted_by_their_state(counted: Counted) -> None:
    assert counted.read()['calls{state="active"}'] == 0
    counted.tell(StateChanged(CallState.CREATED, None))
    counted.tell(StateChanged(CallState.ACTIVE, CallState.CREATED))
    assert counted.read()['calls{state="active"}'] == counted.live() == 1
    counted.tell(StateChanged(CallState.ENDED, CallState.ACTIVE))
    counted.tell(Ended(REPORT))
    assert counted.live() == 0


def test_an_event_that_is_told_again_counts_once(counted: Counted) -> None:
    counted.tell(StateChanged(CallState.CREATED, None))
    counted.tell(Ended(REPORT))
    for event in counted.told:
        counted.calls.on_event(messages.event(event))
    read = counted.read()
    assert read["calls_started_total"] == 1
    assert read['calls_ended_total{fault="model",reason="model_lost"}'] == 1
    assert counted.live() == 0


def test_an_end_that_is_told_of_a_call_nobody_had_heard_of_counts(counted: Counted) -> None:
    event = CallEvent(SPEC.connection_id, 812, FakeClock().now(), 9.0, Ended(REPORT))
    counted.calls.on_event(messages.event(event))
    assert counted.read()['calls_ended_total{fault="model",reason="model_lost"}'] == 1


def test_a_broken_link_counts_and_its_outage_is_timed(counted: Counted) -> None:
    counted.tell(ModelStateChanged(LinkState.READY), 1)
    counted.tell(ModelStateChanged(LinkState.INTERRUPTED), 10)
    counted.tell(ModelStateChanged(LinkState.RESUMED), 10.4)
    counted.tell(MediaStateChanged(LinkState.INTERRUPTED), 20)
    read = counted.read()
    assert read['link_interruptions_total{link="model"}'] == 1
    assert read['link_reconnects_total{link="model"}'] == 1
    assert read['link_outage_seconds_sum{link="model"}'] == pytest.approx(0.4)
    assert read['link_interruptions_total{link="media"}'] == 1
    assert read['link_reconnects_total{link="media"}'] == 0


def test_a_session_that_rotates_was_never_broken(counted: Counted) -> None:
    counted.tell(ModelStateChanged(LinkState.READY), 1)
    counted.tell(ModelStateChanged(LinkState.RESUMED, "next"), 60)
    read = counted.read()
    assert not any(value for name, value in read.items() if name.startswith("link_"))


def test_what_has_not_happened_yet_is_told_as_none(counted: Counted) -> None:
    read = counted.read()
    for reason, fault in FAULT_OF.items():
        assert read[f'calls_ended_total{{fault="{fault.value}",reason="{reason.value}"}}'] == 0
    assert read['tool_calls_total{status="timed_out"}'] == 0


def test_tokens_and_money_are_those_of_the_answers_and_of_what_is_left_at_the_end(
    counted: Counted,
) -> None:
    tokens = TokenCounts(input_audio=120, output_audio=80)
    cost = Cost(2_500_000, "USD", "v1")
    counted.tell(ResponseFinished("r1", ResponseStatus.COMPLETED, tokens, "", cost))
    read = counted.read()
    assert read['model_tokens_total{kind="input_audio"}'] == 120
    assert read['model_tokens_total{kind="output_audio"}'] == 80
    assert read['cost_total{currency="USD"}'] == pytest.approx(2.5)
    ended = messages.event(CallEvent(SPEC.connection_id, 9, FakeClock().now(), 5, Ended(REPORT)))
    ended.ended.report.cost.micro_units = 2_750_000
    ended.ended.report.cost.currency = "USD"
    counted.calls.on_event(ended)
    assert counted.read()['cost_total{currency="USD"}'] == pytest.approx(2.75)


def test_tools_count_by_what_became_of_them(counted: Counted) -> None:
    use = ToolUse(ToolCallId("c1"), "weather", ToolStatus.TIMED_OUT, "timeout", 3.0)
    counted.tell(ToolFinished(use))
    read = counted.read()
    assert read['tool_calls_total{status="timed_out"}'] == 1
    assert read["tool_duration_seconds_sum"] == 3


def test_codes_that_providers_make_up_do_not_become_series_without_end(counted: Counted) -> None:
    for number in range(100):
        counted.tell(Warned(f"code-{number}", ""))
    read = counted.read()
    series = [name for name in read if name.startswith("call_warnings_total")]
    assert len(series) == 33
    assert read['call_warnings_total{code="other"}'] == 68


def test_media_is_counted_by_samples_and_what_they_missed_by_the_report(counted: Counted) -> None:
    counted.tell(StateChanged(CallState.CREATED, None))
    quiet = sample()
    taken = replace(
        quiet,
        uplink=replace(quiet.uplink, dropped_ms=40, queue_ms=120),
        underruns=2,
        network=replace(quiet.network, packets_in=50, packets_lost_in=1, round_trip_ms=20),
        model_round_trip_ms=80,
    )
    counted.calls.on_telemetry([convert.telemetry(taken)] * 2)
    read = counted.read()
    assert read["audio_dropped_seconds_total"] == pytest.approx(0.08)
    assert read["underruns_total"] == 4
    assert read['packets_lost_total{direction="in"}'] == 2
    assert read['audio_queue_seconds_sum{direction="in"}'] == pytest.approx(0.24)
    assert read['round_trip_seconds_sum{link="model"}'] == pytest.approx(0.16)
    assert read['round_trip_seconds_sum{link="media"}'] == pytest.approx(0.04)
    media = MediaTotals(dropped_in_ms=100, underruns=3, packets_in=130, packets_lost_in=2)
    counted.tell(Ended(replace(REPORT, media=media)))
    read = counted.read()
    assert read["audio_dropped_seconds_total"] == pytest.approx(0.1)
    assert read["underruns_total"] == 4  # a counter never goes back
    assert read['packets_total{direction="in"}'] == 130
    assert read['packets_lost_total{direction="in"}'] == 2


def test_a_sample_of_a_call_that_is_over_changes_nothing(counted: Counted) -> None:
    counted.tell(Ended(REPORT))
    counted.calls.on_telemetry([convert.telemetry(replace(sample(), underruns=5))])
    assert counted.read()["underruns_total"] == 0
