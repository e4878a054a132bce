"""What came of a fault: one row of the table."""

from dataclasses import dataclass
from typing import Final

from bridge.v1 import call_pb2
from bridge.v1.report_pb2 import CallReport

HEADER: Final = (
    "| fault | noticed | by | heard by the caller | how the call ended | left behind |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    noticed_after_s: float | None
    """From the fault to the first that watchers were told of it; None: nothing had to be told."""
    noticed_by: str
    heard: str
    ended: str
    left_behind: str

    def __str__(self) -> str:
        noticed = "-" if self.noticed_after_s is None else f"{self.noticed_after_s:.2f} s"
        cells = (self.fault, noticed, self.noticed_by, self.heard, self.ended, self.left_behind)
        return f"| {' | '.join(cells)} |"


def heard_after(silent_s: float | None) -> str:
    """Say what the longest silence was; None: the agent was not heard again."""
    if silent_s is None:
        return "silence, then the end"
    return "no gap" if silent_s < 0.1 else f"{silent_s:.2f} s of silence, then the agent again"


def ending_of(report: CallReport) -> str:
    """Return why a call ended, and whose fault that was."""
    reason = call_pb2.EndReason.Name(report.call.end_reason).removeprefix("END_REASON_")
    fault = call_pb2.EndFault.Name(report.call.end_fault).removeprefix("END_FAULT_")
    return f"{reason}, fault {fault}"
