"""What can happen in a scripted call, step by step."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.v1.call_pb2 import EndFault, EndReason
from bridge.v1.event_pb2 import CallEvent


@dataclass(frozen=True, slots=True)
class CallerJoins:
    """The caller enters the room and opens its microphone; the call is ACTIVE."""


@dataclass(frozen=True, slots=True)
class CallerSays:
    """The caller speaks, and its words are transcribed. A turn begins."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentSays:
    """The model answers, and the answer is played."""

    text: str
    heard: str | None = None
    """How much of it is heard before the caller interrupts; None: all of it."""
    is_greeting: bool = False
    waited_s: float = 0.0
    """For how long the caller is said to have waited for it."""


@dataclass(frozen=True, slots=True)
class ModelCallsTool:
    """The model calls a tool. Who has registered for it with ServeTools is asked and waited for."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Happens:
    """Any event at all. The call fills in its own id, the sequence number and the time."""

    event: CallEvent


@dataclass(frozen=True, slots=True)
class CallEnds:
    """The call ends, for whatever reason; steps behind it are not played."""

    reason: EndReason.ValueType
    fault: EndFault.ValueType
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CallerLeaves:
    """The caller says goodbye, which ends the call."""


class Hold:
    """The script waits here until the test lets it go on."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    def release(self) -> None:
        self._released.set()

    async def released(self) -> None:
        await self._released.wait()


Step = (
    CallerJoins | CallerSays | AgentSays | ModelCallsTool | Happens | Hold | CallerLeaves | CallEnds
)
