"""The conversation as turns: who said what, what was heard of it, how long the answer took."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.calls.latency import summarise
from bridge.calls.reply import Reply
from bridge.ports.clock import Clock
from bridge.ports.event import TurnMeasured
from bridge.ports.money import CallPrices
from bridge.ports.report import LatencySummary, ToolTotals, Turn, TurnLatency
from bridge.ports.tool import ToolStatus, ToolUse
from bridge.ports.usage import TokenCounts, TranscriptionUsage

_MAX_TURNS: Final = 1000
_MAX_TOOLS: Final = 100
"""Of one turn."""
_MAX_ITEMS: Final = 256
"""Items whose late words still find their turn."""


@dataclass(slots=True)
class _Draft:
    index: int
    started_at: datetime
    reply: Reply | None = None
    first_audio_s: float | None = None
    latency: TurnLatency | None = None
    user_text: dict[str, str] = field(default_factory=dict)
    agent_text: dict[str, str] = field(default_factory=dict)
    heard_ms: float = 0.0
    interrupted: bool = False
    tokens: TokenCounts = field(default_factory=TokenCounts)
    tools: deque[ToolUse] = field(default_factory=lambda: deque(maxlen=_MAX_TOOLS))
    transcription: TranscriptionUsage = field(default_factory=TranscriptionUsage)

    @property
    def is_empty(self) -> bool:
        said = self.user_text or self.agent_text or self.first_audio_s is not None
        return not (said or self.tools or self.heard_ms)

    def finished(self, prices: CallPrices | None) -> Turn:
        return Turn(
            index=self.index,
            started_at=self.started_at,
            user_text=" ".join(self.user_text.values()),
            agent_text=" ".join(self.agent_text.values()),
            agent_heard_ms=self.heard_ms,
            interrupted=self.interrupted,
            latency=self.latency,
            tokens=self.tokens,
            tools=tuple(self.tools),
            cost=prices.cost(self.tokens, self.transcription) if prices else None,
        )


class TurnLedger:
    """Keeps the newest turns of one call. A turn begins when the caller begins to speak."""

    def __init__(self, clock: Clock, prices: CallPrices | None = None) -> None:
        self._clock = clock
        self._prices = prices
        self._turns: deque[_Draft] = deque(maxlen=_MAX_TURNS)
        self._turn_of_item: dict[str, _Draft] = {}
        self._latencies_s: deque[float] = deque(maxlen=_MAX_TURNS)
        self._begun = 0
        self._user_began_s: float | None = None
        self._user_talk_s = 0.0
        self._tools: Counter[ToolStatus] = Counter()

    @property
    def user_talk_s(self) -> float:
        """Return how long the caller spoke, by the model's word."""
        return self._user_talk_s

    @property
    def last_latency_s(self) -> float | None:
        return self._latencies_s[-1] if self._latencies_s else None

    @property
    def last_first_audio_s(self) -> float | None:
        """Return the newest turn's time from the caller's last word to the model's first audio."""
        turn = self._turns[-1] if self._turns else None
        if turn is None or turn.reply is None or turn.first_audio_s is None:
            return None
        return turn.first_audio_s - turn.reply.silent_s

    def user_began(self, item_id: str, at_s: float) -> None:
        """Note that the caller speaks, with the first sound at that moment."""
        # A caller who goes on before any answer came is still in the same turn.
        if not self._turns or self._turns[-1].first_audio_s is not None:
            self._begin()
        self._turns[-1].reply = None
        self._remember(item_id, self._turns[-1])
        self._user_began_s = at_s

    def user_stopped(self, at_s: float) -> None:
        """Note that the caller has spoken, with the last sound at that moment."""
        if self._user_began_s is not None:
            self._user_talk_s += max(0.0, at_s - self._user_began_s)
            self._user_began_s = None
        # What is being answered already is no answer to these words.
        if self._turns and self._turns[-1].first_audio_s is None:
            self._turns[-1].reply = Reply(at_s, self._clock.monotonic_s())

    def answer_began(self, asked_s: float | None) -> None:
        """Note that the model begins an answer; `asked_s` is when it was asked for, if it was."""
        if self._turns and (reply := self._turns[-1].reply) is not None:
            reply.begin(asked_s)

    def user_dismissed(self, item_id: str) -> None:
        """Note that what was heard of the user was no turn of its own."""
        turn = self._turn_of_item.pop(item_id, None)
        if turn is not None and turn is self._turns[-1] and turn.is_empty:
            self._turns.pop()
            self._begun -= 1

    def agent_audio_arrived(self, item_id: str) -> None:
        """Note a piece of audio of the agent; only the first of a turn counts."""
        turn = self._of(item_id)
        if turn.first_audio_s is None:
            turn.first_audio_s = self._clock.monotonic_s()

    def agent_became_audible(
        self, item_id: str, at_s: float, round_trip_s: float
    ) -> TurnMeasured | None:
        """Note when the first sound of an item is heard; only the first of a turn counts.

        :param round_trip_s: to the model and back.
        :return: what it says of the turn.
        """
        turn = self._of(item_id)
        if turn.latency or turn.reply is None or turn.first_audio_s is None:
            return None
        turn.latency = turn.reply.latency(turn.first_audio_s, at_s, round_trip_s)
        self._latencies_s.append(turn.latency.total_s)
        return TurnMeasured(turn.index, turn.latency)

    def agent_was_heard(self, item_id: str, heard_ms: float, *, interrupted: bool) -> None:
        turn = self._of(item_id)
        turn.heard_ms += heard_ms
        turn.interrupted = turn.interrupted or interrupted

    def user_said(self, item_id: str, text: str) -> None:
        self._of(item_id).user_text[item_id] = text

    def agent_said(self, item_id: str, text: str) -> None:
        self._of(item_id).agent_text[item_id] = text

    def cost(self, item_id: str | None, tokens: TokenCounts) -> None:
        turn = self._of(item_id) if item_id else self._current()
        turn.tokens = turn.tokens + tokens

    def tool_was_called(self, item_id: str) -> None:
        """Note in which turn; it may take longer than that."""
        self._of(item_id)

    def tool_was_used(self, item_id: str, use: ToolUse) -> None:
        self._tools[use.status] += 1
        self._of(item_id).tools.append(use)

    def tool_totals(self) -> ToolTotals:
        return ToolTotals(
            succeeded=self._tools[ToolStatus.SUCCEEDED],
            failed=self._tools[ToolStatus.FAILED],
            timed_out=self._tools[ToolStatus.TIMED_OUT],
            cancelled=self._tools[ToolStatus.CANCELLED],
        )

    def transcribed(self, item_id: str, usage: TranscriptionUsage) -> None:
        turn = self._of(item_id)
        turn.transcription = turn.transcription + usage

    def turns(self) -> tuple[Turn, ...]:
        return tuple(draft.finished(self._prices) for draft in self._turns)

    def latency(self) -> LatencySummary | None:
        return summarise(self._latencies_s)

    def _begin(self) -> _Draft:
        self._begun += 1
        self._turns.append(_Draft(self._begun, self._clock.now()))
        return self._turns[-1]

    def _current(self) -> _Draft:
        return self._turns[-1] if self._turns else self._begin()

    def _of(self, item_id: str) -> _Draft:
        turn = self._turn_of_item.get(item_id)
        if turn is None:
            turn = self._current()
            self._remember(item_id, turn)
        return turn

    def _remember(self, item_id: str, turn: _Draft) -> None:
        self._turn_of_item[item_id] = turn
        while len(self._turn_of_item) > _MAX_ITEMS:
            del self._turn_of_item[next(iter(self._turn_of_item))]
