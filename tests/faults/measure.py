"""One fault in one call: done, watched, heard, and looked for what it has left."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.faults import Fault
from tests.faults.row import Row, heard_after
from tests.faults.stage import Talk, staged, talking
from tests.livekit_server import LiveKitServer

# So long the agent is heard before and behind a fault.
_HEARD_S: Final = 1.5
_HEARD_AGAIN_WITHIN_S: Final = 40.0


@dataclass(frozen=True, slots=True)
class Suffering:
    """What was seen of a fault."""

    noticed_after_s: float | None
    noticed_by: str
    silent_s: float | None
    """The longest silence of the agent from the fault on; None: it was not heard again."""
    ended: str
    left_behind: str
    has_gaps: bool
    """Of what was told, something is missing."""

    def row(self, fault: Fault) -> Row:
        heard = heard_after(self.silent_s)
        return Row(
            fault.name, self.noticed_after_s, self.noticed_by, heard, self.ended, self.left_behind
        )


async def suffered(fault: Fault, livekit: LiveKitServer, log: Path) -> Suffering:
    """Let a call suffer a fault; return what came of it."""
    async with staged(livekit, log, workers=fault.workers, **fault.environment(log)) as stage:
        async with talking(stage) as talk:
            await talk.is_heard(_HEARD_S)
            struck_s = time.monotonic()
            await fault.strike(stage, talk)
            silent_s = await _silence(fault, talk, struck_s)
            told = talk.noticed(struck_s)
        left = await stage.left_behind()
    after_s, whom = (None, "nobody") if told is None else (told[0] - struck_s, told[1])
    return Suffering(after_s, whom, silent_s, talk.ending, left, talk.has_gaps)


async def _silence(fault: Fault, talk: Talk, struck_s: float) -> float | None:
    """Wait until the agent is heard again for good; return how long it was silent at most."""
    # Behind what watchers are told of: what was heard before that may be its last sound.
    if fault.noticed_within_s is not None:
        while talk.noticed(struck_s) is None:
            if time.monotonic() - struck_s > fault.noticed_within_s:
                break
            await asyncio.sleep(0.02)
    if talk.over.is_set():
        return None
    if not await talk.is_heard(_HEARD_S, time.monotonic(), _HEARD_AGAIN_WITHIN_S):
        return None
    return talk.ear.longest_silence_s(struck_s, time.monotonic())


def broken_promises(fault: Fault, seen: Suffering) -> list[str]:
    """Return what was promised of a fault and did not come true."""
    broken = ["events are missing"] * seen.has_gaps
    if seen.left_behind != "nothing":
        broken.append(f"left behind: {seen.left_behind}")
    if fault.noticed_within_s is not None and (
        seen.noticed_after_s is None or seen.noticed_after_s > fault.noticed_within_s
    ):
        broken.append(f"not told within {fault.noticed_within_s} s: {seen.noticed_after_s}")
    if fault.noticed_within_s is None and seen.noticed_after_s is not None:
        broken.append(f"told of {seen.noticed_by}, where nothing was wrong")
    if seen.ended != (fault.ends or "API_ENDED, fault NONE"):
        broken.append(f"ended by {seen.ended}")
    if not fault.ends and (seen.silent_s is None or seen.silent_s > fault.silent_at_most_s):
        broken.append(f"silent for {seen.silent_s} s")
    return broken
