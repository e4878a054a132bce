"""How is LiveKit's API asked, and what do its failures mean?"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import aiohttp
from livekit import api

from bridge.errors import RoomRejected, RoomUnreachable

REQUEST_S: Final = 3.0
_HTTP_SERVER_ERROR: Final = 500

_T = TypeVar("_T")


def session(url: str, api_key: str, api_secret: str) -> api.LiveKitAPI:
    """Return LiveKit's API over an HTTP session of its own, which is to be closed."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    return api.LiveKitAPI(url, api_key, api_secret, timeout=timeout)


async def ask(what: str, request: Coroutine[Any, Any, _T]) -> _T:
    """Make a request of LiveKit's API.

    :raises RoomRejected: it answered with a refusal.
    :raises RoomUnreachable: it did not answer in time, or with a failure of its own.
    """
    try:
        # The package tries again by itself for up to 20 s where it is told that nobody answers.
        async with asyncio.timeout(REQUEST_S):
            return await request
    except api.TwirpError as error:
        if error.status >= _HTTP_SERVER_ERROR:
            raise RoomUnreachable(f"LiveKit failed to {what}: {error.code}") from error
        raise RoomRejected(f"LiveKit refused to {what}: {error.code}") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RoomUnreachable(f"LiveKit did not answer when asked to {what}") from error
