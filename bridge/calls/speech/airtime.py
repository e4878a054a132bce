"""When was each item of the agent heard, from its first sound to its last?"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_MAX_ITEMS: Final = 64


@dataclass(slots=True)
class Airing:
    """From when until when, on the monotonic clock."""

    start_s: float
    end_s: float


class Airtime:
    """Notes each frame that is written, with what is queued before it."""

    def __init__(self) -> None:
        self._airings: OrderedDict[str, Airing] = OrderedDict()

    def wrote(self, item_id: str, at_s: float, frame_s: float) -> None:
        """Note a frame of an item that will be heard `at_s`."""
        airing = self._airings.get(item_id)
        if airing is None:
            self._airings[item_id] = Airing(at_s, at_s + frame_s)
            if len(self._airings) > _MAX_ITEMS:
                self._airings.popitem(last=False)
        else:
            airing.end_s = at_s + frame_s

    def cut(self, at_s: float) -> None:
        """Note that nothing was heard after `at_s`."""
        for airing in self._airings.values():
            airing.end_s = min(airing.end_s, at_s)

    def of(self, item_id: str) -> Airing | None:
        return self._airings.get(item_id)
