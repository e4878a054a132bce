"""What ends a call: the first cause, and whom an error blames."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.errors import ModelError, ModelFailure, RoomError
from bridge.ports.call import Ending, EndReason
from bridge.ports.room_event import LeaveReason

_OF_MODEL: Final[Mapping[ModelFailure, EndReason]] = {
    ModelFailure.AUTH: EndReason.MODEL_AUTH,
    ModelFailure.QUOTA: EndReason.MODEL_QUOTA,
    ModelFailure.RATE_LIMITED: EndReason.MODEL_RATE_LIMITED,
    ModelFailure.CONFIG_REJECTED: EndReason.MODEL_CONFIG_REJECTED,
    ModelFailure.UNAVAILABLE: EndReason.MODEL_UNAVAILABLE,
    ModelFailure.LOST: EndReason.MODEL_LOST,
    ModelFailure.SESSION_EXPIRED: EndReason.MODEL_SESSION_EXPIRED,
}

_OF_BOT_LEAVING: Final[Mapping[LeaveReason, EndReason]] = {
    LeaveReason.LEFT: EndReason.MEDIA_LOST,
    LeaveReason.LOST: EndReason.MEDIA_LOST,
    LeaveReason.SERVER_SHUTDOWN: EndReason.MEDIA_LOST,
    LeaveReason.REMOVED: EndReason.PARTICIPANT_REMOVED,
    LeaveReason.DUPLICATE_IDENTITY: EndReason.DUPLICATE_IDENTITY,
    LeaveReason.ROOM_DELETED: EndReason.ROOM_DELETED,
}


def ending_of_error(error: Exception, *, bot_was_in_room: bool) -> Ending:
    """Return the ending that an error of the media or the model means; unknown is our fault."""
    match error:
        case ModelError():
            return Ending(_OF_MODEL[error.failure], error.detail)
        case RoomError() if bot_was_in_room:
            return Ending(EndReason.MEDIA_LOST, str(error))
        case RoomError():
            return Ending(EndReason.MEDIA_CONNECT_FAILED, str(error))
        case _:
            # The text of an unforeseen error may hold anything, spoken words included.
            return Ending(EndReason.INTERNAL, type(error).__name__)


def ending_of_bot_leaving(reason: LeaveReason) -> Ending:
    """Return the ending that the bot's own disconnection means."""
    return Ending(_OF_BOT_LEAVING[reason], f"the bot's connection ended: {reason.value}")


@dataclass(frozen=True, slots=True)
class Farewell:
    """The agent finishes what it is saying before the end, and then takes its leave.

    It says `text`, or what the instruction `prompt` makes of it, where either is given.
    """

    text: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)

    @property
    def has_words(self) -> bool:
        return self.text is not None or self.prompt is not None


class Verdict:
    """A call's one ending. The first cause wins; later ones are not heard."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._ending: Ending | None = None
        self._farewell: Farewell | None = None

    @property
    def farewell(self) -> Farewell | None:
        """Return how the agent is to take its leave, where whoever decided the end said so."""
        return self._farewell

    @property
    def ending(self) -> Ending | None:
        return self._ending

    def reach(self, ending: Ending, *, farewell: Farewell | None = None) -> bool:
        """Return whether this was the first cause. With it goes what is said for a goodbye."""
        if self._ending is not None:
            return False
        self._ending, self._farewell = ending, farewell
        self._reached.set()
        return True

    async def wait(self) -> Ending:
        await self._reached.wait()
        assert self._ending is not None  # noqa: S101 - set before the event, never unset
        return self._ending
