"""How does what is asked of a session get to its server? Commands in order, audio beside them."""

import asyncio
from contextlib import suppress
from typing import Final

from websockets.exceptions import ConnectionClosed

from bridge.errors import ModelError, ModelFailure
from bridge.model.commands import Command, EventId, append, command
from bridge.model.downfall import Downfall
from bridge.model.outbox import AudioOutbox
from bridge.model.socket import ModelSocket

# A turn must not be ended ahead of its last words; a socket that is this late is nearly lost.
_AUDIO_FIRST_S: Final = 1.0


class Sender:
    """The way out of one session. Audio waits in a bounded queue, whose oldest is dropped."""

    def __init__(self, socket: ModelSocket, downfall: Downfall, outbox_ms: int) -> None:
        self.outbox = AudioOutbox(outbox_ms)
        self._socket = socket
        self._downfall = downfall
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._commands_sent = 0

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Send audio from now on."""
        self._task = tasks.create_task(self._send_audio(), name="model-audio-sender")

    def stop(self) -> None:
        """Send no more audio. What comes is dropped; what waits is the caller's to discard."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    def audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Send audio of the user, or queue it where the socket is full."""
        if self._may_send and self.outbox.is_empty and self._socket.send_nowait(append(pcm)):
            self.outbox.passed(len(pcm))
            return
        self.outbox.put_nowait(pcm)
        if self._stopped:
            self.outbox.discard()

    async def audio_gone(self) -> None:
        """Wait until no audio is on its way here, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_AUDIO_FIRST_S):
                await self.outbox.emptied()

    async def command(self, what: Command, tag: str = "", **fields: object) -> None:
        """Send a command.

        :raises ModelError: the session is gone.
        """
        self._commands_sent += 1
        await self._send(command(EventId(what, self._commands_sent, tag), **fields))

    @property
    def _may_send(self) -> bool:
        return self._task is not None and self._downfall.cause is None and not self._stopped

    async def _send_audio(self) -> None:
        while True:
            chunk = await self.outbox.take()
            try:
                await self._send(append(chunk))
            except ModelError:
                return  # whoever reads events() learns why
            self.outbox.sent()

    async def _send(self, frame: bytes) -> None:
        if self._downfall.cause is not None:
            raise self._downfall.cause
        try:
            await self._socket.send(frame)
        except ConnectionClosed as closed:
            # Not yet the session's failure: what the server said last is still to be read, and
            # may name a better cause.
            raise self._downfall.by_closing(closed) from closed
        except TimeoutError as late:
            error = ModelError(ModelFailure.LOST, "send deadline")
            self._downfall.fail(error)
            raise error from late
