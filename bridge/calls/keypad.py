"""How are keys of a telephone pressed in a call? In the order in which they were asked for."""

import asyncio

from bridge.calls.record import CallRecord
from bridge.ports.event import DtmfSent
from bridge.ports.room import Bot


class Keypad:
    """The agent's tool and the gateway press its keys: never between each other's."""

    def __init__(self, bot: Bot, record: CallRecord) -> None:
        self._bot = bot
        self._record = record
        self._one_by_one = asyncio.Lock()

    async def press(self, digits: str) -> None:
        """Press keys, each one of KEYS, and tell the watchers.

        Cancelling leaves the rest unpressed.

        :raises RoomError: LiveKit did not take one.
        """
        async with self._one_by_one:
            await self._bot.press_keys(digits)
        self._record.tell(DtmfSent(digits))
