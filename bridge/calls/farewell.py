"""Which ends are polite, and how long may the agent's last words take?"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bridge.calls.ending import Farewell
from bridge.calls.media import CallMedia
from bridge.ports.call import EndReason
from bridge.ports.clock import Clock

# What the agent is saying when the end is decided is played out: a sentence or two. Where it has
# decided the end itself, an answer may follow that has not begun yet.
_LAST_WORDS_S: Final[Mapping[EndReason, float]] = {
    EndReason.MAX_DURATION: 10.0,
    EndReason.IDLE_TIMEOUT: 10.0,
    EndReason.SERVER_DRAINING: 5.0,
    EndReason.AGENT_ENDED: 20.0,
    EndReason.BUDGET_EXCEEDED: 10.0,
}
# So does whatever end is asked for softly,
_SOFTLY_S: Final = 20.0
# and a goodbye comes behind that.
_GOODBYE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class LastWords:
    """How long the agent may finish what it is saying, and how long it may take its leave."""

    finish_s: float
    goodbye_s: float = 0.0


def last_words(reason: EndReason, farewell: Farewell | None) -> LastWords | None:
    """Return how long the last words may take; None where the end is at once."""
    finish_s = _LAST_WORDS_S.get(reason)
    if farewell is not None:
        goodbye_s = _GOODBYE_S if farewell.has_words else 0.0
        return LastWords(finish_s or _SOFTLY_S, goodbye_s)
    return None if finish_s is None else LastWords(finish_s)


async def take_leave(
    media: CallMedia, reason: EndReason, farewell: Farewell | None, clock: Clock
) -> None:
    """Let the agent finish and say goodbye, as far and as long as this end allows."""
    if (allowed := last_words(reason, farewell)) is None:
        return
    with suppress(TimeoutError):
        async with clock.timeout(allowed.finish_s):
            await media.finish_speaking()
    if farewell is not None and farewell.has_words:
        with suppress(TimeoutError):
            async with clock.timeout(allowed.goodbye_s):
                await media.say_goodbye(farewell)
