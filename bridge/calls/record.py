"""All that is known of one call while it lives: the one place where its state moves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bridge.calls.journal import Journal
from bridge.calls.state import check_move
from bridge.calls.turns import TurnLedger
from bridge.ports.call import (
    AgentState,
    CallSpec,
    CallState,
    CallView,
    Ending,
    ParticipantView,
)
from bridge.ports.clock import Clock
from bridge.ports.event import (
    AgentStateChanged,
    Ended,
    EventKind,
    LanguageSwitched,
    LinkState,
    MediaStateChanged,
    ModelStateChanged,
    ParticipantChanged,
    Resumption,
    StateChanged,
    Warned,
)
from bridge.ports.money import Cost
from bridge.ports.recording import Recorded
from bridge.ports.report import CallReport, Incident, MediaTotals, SetupTimes
from bridge.ports.usage import TokenCounts, TranscriptionUsage

_MAX_INCIDENTS: Final = 100


class CallRecord:
    """Collects facts, tells them to the journal, and gives them back as view and report."""

    def __init__(self, spec: CallSpec, host_id: str, clock: Clock, journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self._turns = TurnLedger(clock, spec.prices)
        self._incidents: list[Incident] = []
        self._joined_s: float | None = None
        self._ended_s: float | None = None
        self._view = CallView(spec, host_id, last_activity_at=spec.created_at)
        # Before this process had the call; from here on the monotonic clock counts.
        self._age_before_s = max(0.0, (clock.now() - spec.created_at).total_seconds())
        self._setup = SetupTimes()
        self._final: CallReport | None = None
        self._tools_work = False
        self._recordings: list[Callable[[], Recorded]] = []

    @property
    def turns(self) -> TurnLedger:
        return self._turns

    @property
    def state(self) -> CallState:
        return self._view.state

    @property
    def agent_state(self) -> AgentState:
        return self._view.agent_state

    def created(self) -> None:
        """The room exists; the call begins."""
        self._setup = replace(self._setup, room_s=self._age_s)
        self._journal.write(StateChanged(CallState.CREATED, None))

    def move(self, state: CallState) -> None:
        """Move to `state`, unless the call is there already."""
        before = self._view.state
        if state is before:
            return
        check_move(before, state)
        self._view = replace(self._view, state=state)
        ending = state in (CallState.ENDING, CallState.ENDED)
        self._journal.write(StateChanged(state, before), even_if_full=ending)

    def agent_is(self, state: AgentState) -> None:
        if state is not self._view.agent_state:
            self._view = replace(self._view, agent_state=state)
            self._journal.write(AgentStateChanged(state))

    def agent_rests(self) -> None:
        """The agent has finished: it listens, or waits for a tool."""
        self.agent_is(AgentState.TOOL if self._tools_work else AgentState.LISTENING)

    def tools_work(self) -> None:
        """Tools work that the agent waits for."""
        self._tools_work = True
        if self._view.agent_state is not AgentState.SPEAKING:
            self.agent_rests()

    def tools_are_done(self, then: AgentState) -> None:
        """The agent waits for no tool any more; this is what it does now, if it did so."""
        self._tools_work = False
        if self._view.agent_state is AgentState.TOOL:
            self.agent_is(then)

    def media_is(self, state: LinkState) -> None:
        if state is LinkState.READY:
            self._setup = replace(self._setup, media_s=self._age_s)
            self._view = replace(self._view, media_ready_at=self._clock.now())
        self._journal.write(MediaStateChanged(state))

    def model_is(
        self, state: LinkState, session_id: str = "", resumption: Resumption | None = None
    ) -> None:
        if state is LinkState.READY:
            self._setup = replace(self._setup, model_s=self._age_s)
            self._view = replace(self._view, model_ready_at=self._clock.now())
        if state in (LinkState.READY, LinkState.RESUMED):
            sessions = (*self._view.model_session_ids, session_id)
            self._view = replace(self._view, model_session_ids=sessions)
        self._journal.write(ModelStateChanged(state, session_id, resumption))

    def language_is(self, language: str) -> None:
        """The talk goes on in this language."""
        spec = self._view.spec
        previous = spec.agent.language
        if language != previous:
            agent = replace(spec.agent, language=language)
            self._view = replace(self._view, spec=replace(spec, agent=agent))
            self._journal.write(LanguageSwitched(language, previous))

    def instructions_are_replaced(self) -> None:
        """The gateway's instructions stand from now on, whatever the language."""
        spec = self._view.spec
        agent = replace(spec.agent, prompts={})
        self._view = replace(self._view, spec=replace(spec, agent=agent))

    def caller_joined(self) -> None:
        """The first caller is there: the call's time begins to run."""
        now = self._clock.now()
        lasts = timedelta(seconds=self._view.spec.limits.max_duration_s)
        self._joined_s = self._clock.monotonic_s()
        self._setup = replace(self._setup, join_s=self._age_s)
        self._view = replace(self._view, joined_at=now, expires_at=now + lasts)

    def participants_are(
        self, participants: tuple[ParticipantView, ...], event: ParticipantChanged
    ) -> None:
        self._view = replace(self._view, participants=participants)
        self.active()
        self._journal.write(event)

    def offset_s(self, at_s: float) -> float:
        """Return a moment of the monotonic clock as seen from the call's creation."""
        return self._journal.offset_s(at_s)

    def tell(self, kind: EventKind) -> None:
        """Tell the watchers what changes nothing in the record itself."""
        self._journal.write(kind)

    def active(self) -> None:
        """Somebody said, asked or did something."""
        self._view = replace(self._view, last_activity_at=self._clock.now())

    def metadata_is(self, metadata: Mapping[str, str]) -> None:
        """The gateway has changed what it keeps with the call."""
        spec = replace(self._view.spec, metadata=metadata)
        self._view = replace(self._view, spec=spec)

    def agent_audible(self) -> None:
        if self._view.first_agent_audio_at is None:
            self._setup = replace(self._setup, first_agent_audio_s=self._age_s)
            self._view = replace(self._view, first_agent_audio_at=self._clock.now())

    def used(self, tokens: TokenCounts) -> None:
        self._view = replace(self._view, usage=self._view.usage + tokens)

    def transcribed(self, item_id: str, usage: TranscriptionUsage) -> None:
        self._view = replace(self._view, transcription=self._view.transcription + usage)
        self._turns.transcribed(item_id, usage)

    def recording_is(self, so_far: Callable[[], Recorded]) -> None:
        """The call is recorded; `so_far` says what there is of it, also when it is closed."""
        self._recordings.append(so_far)

    def cost_of(self, tokens: TokenCounts) -> Cost | None:
        """Return what one response cost; None where that is not known."""
        prices = self._view.spec.prices
        return None if prices is None else prices.cost(tokens)

    def warn(self, code: str, message: str) -> None:
        if len(self._incidents) < _MAX_INCIDENTS:
            self._incidents.append(Incident(self._clock.now(), code, message))
        self._journal.write(Warned(code, message))

    def ending(self, ending: Ending) -> None:
        """The end is decided."""
        self._ended_s = self._clock.monotonic_s()
        self._view = replace(self._view, ending=ending, ended_at=self._clock.now())
        self.move(CallState.ENDING)

    def ended(self, media: MediaTotals) -> CallReport:
        """Everything is taken down; tell the last event and return what it carries."""
        self.move(CallState.ENDED)
        # The report counts the event that carries it.
        view = replace(self.view(), last_sequence=self._journal.last_sequence + 1)
        self._final = self._report(view, media, complete=True)
        self._journal.write(Ended(self._final), even_if_full=True)
        return self._final

    def view(self) -> CallView:
        return replace(
            self._view,
            active_duration_s=self._active_duration_s(),
            last_sequence=self._journal.last_sequence,
        )

    def report(self, media: MediaTotals) -> CallReport:
        """Return the report as far as it goes; the last one from the end on."""
        return self._final or self._report(self.view(), media, complete=False)

    def _report(self, view: CallView, media: MediaTotals, *, complete: bool) -> CallReport:
        return CallReport(
            view=view,
            complete=complete,
            setup=self._setup,
            turns=self._turns.turns(),
            turn_latency=self._turns.latency(),
            user_talk_s=self._turns.user_talk_s,
            media=media,
            incidents=tuple(self._incidents),
            tools=self._turns.tool_totals(),
            recordings=tuple(so_far() for so_far in self._recordings),
        )

    @property
    def _age_s(self) -> float:
        return self._age_before_s + self._journal.elapsed_s

    def _active_duration_s(self) -> float:
        if self._joined_s is None:
            return 0.0
        until_s = self._clock.monotonic_s() if self._ended_s is None else self._ended_s
        return max(0.0, until_s - self._joined_s)
