"""How are keys of a telephone pressed in a room?"""

import asyncio
from typing import Final

from livekit import rtc
from livekit.rtc.participant import PublishDTMFError

from bridge.errors import RoomUnreachable
from bridge.ports.clock import Clock
from bridge.ports.room import KEYS

# A tone and a pause that every menu tells apart: the SIP side plays a key for a quarter of it.
_KEY_EVERY_S: Final = 0.3
_PRESS_S: Final = 2.0
# RFC 4733, section 3.2: events 0 to 15 are the keys in this order.
_CODE_OF: Final = {key: code for code, key in enumerate(KEYS)}


async def press(participant: rtc.LocalParticipant, digits: str, clock: Clock) -> None:
    """Press keys one after the other.

    :raises RoomUnreachable: LiveKit did not take one.
    """
    for place, key in enumerate(digits):
        if place:
            await clock.sleep(_KEY_EVERY_S)
        try:
            async with asyncio.timeout(_PRESS_S):
                await participant.publish_dtmf(code=_CODE_OF[key], digit=key)
        except (PublishDTMFError, TimeoutError) as error:
            raise RoomUnreachable("LiveKit did not take a key") from error
