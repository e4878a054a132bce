"""How does a participant leave, leaving nothing behind, whatever state the connection is in?"""

import asyncio
from typing import Final

from livekit import rtc

from bridge.logs import get_logger

_LEAVE_S: Final = 3.0

_log = get_logger(__name__)


async def leave(room: rtc.Room) -> bool:
    """Disconnect and wait until the SDK is done with the room; return whether it was in time.

    Cancelling it leaves the rest to the SDK.
    """
    # The SDK returns at once from a room that LiveKit closed, and lets its task run on.
    listening: asyncio.Task[None] | None = getattr(room, "_task", None)
    try:
        async with asyncio.timeout(_LEAVE_S):
            await room.disconnect()
            if listening is not None:
                await asyncio.wait({listening})
    except TimeoutError:
        _log.warning("LiveKit did not confirm in time that a participant has left")
        if listening is not None:
            listening.cancel()  # or it would wait for ever on an event that does not come
        return False
    return True
