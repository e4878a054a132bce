"""The turns of a scripted call, as its report has them."""

from bridge.messages.times import duration, timestamp
from bridge.ports.clock import Clock
from bridge.v1 import event_pb2, report_pb2


class ScriptedTurns:
    """Grows with every step that is said or done."""

    def __init__(self, clock: Clock) -> None:
        self.all: list[report_pb2.Turn] = []
        self.tools = report_pb2.ToolTotals()
        self._clock = clock

    def caller_said(self, text: str) -> None:
        self._begin().user_text = text

    def agent_begins(self, waited_s: float) -> event_pb2.TurnMeasured | None:
        """Return what it says of the turn; None where no caller waited for it."""
        turn = self._current()
        if turn.agent_text:
            turn = self._begin()
        if not turn.user_text:
            return None
        # A script knows of the whole only: all of it counts as the model's.
        latency = report_pb2.TurnLatency(
            endpointing=duration(0),
            model=duration(waited_s),
            transport=duration(0),
            playout=duration(0),
        )
        turn.latency.CopyFrom(latency.model)
        turn.latency_parts.CopyFrom(latency)
        return event_pb2.TurnMeasured(turn=turn.index, latency=latency.model, latency_parts=latency)

    def agent_said(self, text: str, *, interrupted: bool) -> None:
        turn = self._current()
        turn.agent_text, turn.interrupted = text, interrupted

    def used(self, tool: report_pb2.ToolUse) -> None:
        self._current().tools.append(tool)
        self.tools.succeeded += tool.status == report_pb2.TOOL_STATUS_SUCCEEDED
        self.tools.failed += tool.status == report_pb2.TOOL_STATUS_FAILED
        self.tools.timed_out += tool.status == report_pb2.TOOL_STATUS_TIMED_OUT

    def _current(self) -> report_pb2.Turn:
        return self.all[-1] if self.all else self._begin()

    def _begin(self) -> report_pb2.Turn:
        self.all.append(
            report_pb2.Turn(
                index=len(self.all) + 1, interrupted=False, start_time=timestamp(self._clock.now())
            )
        )
        return self.all[-1]
