"""Faults on demand: which there are, when they strike, and how often."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Garbage: TypeAlias = Literal["invalid_json", "unknown_event", "binary"]
ResponseFault: TypeAlias = Literal["drop", "close", "stall", "fail"]
TimedFault: TypeAlias = Literal["drop", "close", "stall", "garbage", "error"]

_TIMED: Final[tuple[TimedFault, ...]] = ("drop", "close", "stall", "garbage", "error")


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, and when; replaced as a whole, which re-arms every open session.

    Seconds count from the session's start, or from now for sessions that are already open.
    """

    refuse_status: int | None = None
    """Refuse to connect with this HTTP status: 401, 429 and 500 look like the real service's."""
    drop_after_s: float | None = None
    """Abort the TCP connection: no close frame, no farewell."""
    close_after_s: float | None = None
    """Close the WebSocket properly, with `close_code`."""
    close_code: int = 1001
    stall_after_s: float | None = None
    """Send nothing more, pongs included unless `stall_answers_pings`; the socket stays open."""
    stall_for_s: float | None = None
    """How long a stall lasts; None means for ever."""
    stall_answers_pings: bool = False
    garbage_after_s: float | None = None
    """Send a frame that is no event of the protocol."""
    garbage: Garbage = "invalid_json"
    error_after_s: float | None = None
    """Send an `error` event with `error_code`."""
    error_code: str = "server_error"
    on_response: ResponseFault | None = None
    """Strike in a response: after its first delta, or instead of any for "fail"."""
    times: int | None = None
    """Strike this often in all, then never again; None means always."""

    def __post_init__(self) -> None:
        for name in [f"{kind}_after_s" for kind in _TIMED] + ["stall_for_s", "times"]:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative, not {value}")
        if self.refuse_status is not None and not 400 <= self.refuse_status <= 599:
            raise ValueError(f"refuse_status must be from 400 to 599, not {self.refuse_status}")


@dataclass(frozen=True, slots=True)
class DueFault:
    """A timed fault that waits for its moment."""

    kind: TimedFault
    at: float


class FaultPlan:
    """The faults in force, shared by all sessions of one simulator."""

    def __init__(self, faults: Faults, now: Callable[[], float]) -> None:
        self._now = now
        self.changed = asyncio.Event()
        """Set once the faults are no longer those in force when it was read."""
        self.replace(faults)

    def replace(self, faults: Faults) -> None:
        """Put other faults in force and wake every session that waits for the old ones."""
        self.changed.set()
        self.changed = asyncio.Event()
        self.faults = faults
        self._since = self._now()
        self._left = faults.times

    def due(self, opened_at: float) -> list[DueFault]:
        """Return the timed faults of a session opened at `opened_at`, soonest first."""
        start = max(opened_at, self._since)
        waits = [(kind, getattr(self.faults, f"{kind}_after_s")) for kind in _TIMED]
        due = [DueFault(kind, start + wait) for kind, wait in waits if wait is not None]
        return sorted(due, key=lambda fault: fault.at)

    def strike(self) -> bool:
        """Use up one strike; False when none is left."""
        if self._left is None:
            return True
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def refusal(self) -> int | None:
        """Return the status to refuse a connection with, if it is to be refused."""
        status = self.faults.refuse_status
        return status if status is not None and self.strike() else None

    def response_fault(self) -> ResponseFault | None:
        """Return what is to go wrong in a response that begins now, if anything."""
        kind = self.faults.on_response
        return kind if kind is not None and self.strike() else None
