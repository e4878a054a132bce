"""What has ended a session, and when would its time have been up anyway?"""

import asyncio
from typing import Final

from websockets.exceptions import ConnectionClosed

from bridge.errors import ModelError
from bridge.model.failures import lost_error
from bridge.model.socket import ModelSocket

# The provider's clock and ours differ, and it does not count to the second.
_LIMIT_TOLERANCE_S: Final = 60.0


class Downfall:
    """A session's one failure, if it has come to that. The first cause stays."""

    def __init__(self, socket: ModelSocket, expires_in_s: float | None) -> None:
        self._socket = socket
        self._limit_at_s = None if expires_in_s is None else _loop_time_s() + expires_in_s
        self._cause: ModelError | None = None

    @property
    def cause(self) -> ModelError | None:
        return self._cause

    @property
    def expires_in_s(self) -> float | None:
        """How long the provider lets the session live on, where it has said."""
        return None if self._limit_at_s is None else self._limit_at_s - _loop_time_s()

    def fail(self, cause: ModelError) -> None:
        """End the session."""
        if self._cause is None:
            self._cause = cause
        self._socket.abort()

    def by_closing(self, closed: ConnectionClosed) -> ModelError:
        """Return what it means that the socket is closed."""
        left_s = self.expires_in_s
        return lost_error(closed, past_limit=left_s is not None and left_s <= _LIMIT_TOLERANCE_S)


def _loop_time_s() -> float:
    return asyncio.get_running_loop().time()
