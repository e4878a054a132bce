"""What has become of each answer: heard to its end, cut off, or never spoken?"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bridge.media.ledger import ItemPlayed
from bridge.ports.model_event import ResponseDone, ResponseStatus

_MAX_FOLLOWED: Final = 64
"""Responses whose outcome can still be asked for."""


class Outcome(Enum):
    """What became of something that the agent was to say."""

    PLAYED = "played"
    """Its sound was played to the end."""
    INTERRUPTED = "interrupted"
    """It was begun and cut off, by the caller or by us."""
    REFUSED = "refused"
    """It was never begun: there was no room for it, or the model did not take it."""
    FAILED = "failed"
    """The model failed, said nothing, or did not answer in time."""


@dataclass(slots=True, eq=False)
class _Delivery:
    items: set[str] = field(default_factory=set)
    done: ResponseDone | None = None
    outcome: Outcome | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def ends(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.over.set()

    def heard_out(self) -> Outcome:
        """Return what it means that no sound is left."""
        status = None if self.done is None else self.done.status
        if status is ResponseStatus.CANCELLED:
            return Outcome.INTERRUPTED
        if status is ResponseStatus.FAILED or not self.items:
            return Outcome.FAILED
        return Outcome.PLAYED


class Deliveries:
    """Follows responses from their beginning until they are heard, or cut off."""

    def __init__(self) -> None:
        self._deliveries: OrderedDict[str, _Delivery] = OrderedDict()

    def began(self, response_id: str) -> None:
        self._deliveries[response_id] = _Delivery()
        if len(self._deliveries) > _MAX_FOLLOWED:
            _, forgotten = self._deliveries.popitem(last=False)
            forgotten.ends(Outcome.FAILED)

    def sounded(self, response_id: str, item_id: str) -> None:
        if delivery := self._deliveries.get(response_id):
            delivery.items.add(item_id)

    def ended(self, done: ResponseDone, unplayed: Iterable[ItemPlayed]) -> None:
        """Note that a response has no more to say; what it said may still be heard."""
        if delivery := self._deliveries.get(done.response_id):
            delivery.done = done
            self.heard(unplayed)

    def heard(self, unplayed: Iterable[ItemPlayed]) -> None:
        """Note what is not wholly heard yet; everything else is."""
        unheard = {part.item_id for part in unplayed}
        for delivery in self._deliveries.values():
            if delivery.done is not None and delivery.items.isdisjoint(unheard):
                delivery.ends(delivery.heard_out())

    def cut(self) -> None:
        """Note that nothing of what is under way will be heard any more."""
        for delivery in self._deliveries.values():
            delivery.ends(Outcome.INTERRUPTED)

    async def outcome(self, response_id: str) -> Outcome:
        """Wait for the end of a response that has begun. Cancelling it changes nothing."""
        delivery = self._deliveries.get(response_id)
        if delivery is None:
            return Outcome.FAILED
        await delivery.over.wait()
        assert delivery.outcome is not None  # noqa: S101 - set before the event
        return delivery.outcome
