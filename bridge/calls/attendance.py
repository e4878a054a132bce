"""How does the bot come into its room, and when can it be heard there?"""

from contextlib import suppress
from typing import Final

from bridge.calls.captions import Captions
from bridge.calls.media import CallMedia
from bridge.calls.parts import Spawn
from bridge.calls.record import CallRecord
from bridge.calls.recording import CallRecording
from bridge.calls.stay import Stay
from bridge.ids import bot_identity_for
from bridge.ports.call import StartPolicy
from bridge.ports.clock import Clock
from bridge.ports.event import LinkState
from bridge.ports.room import Bot, RoomService

# Whoever speaks has a microphone by then, the browser's question for it included.
_MICROPHONE_S: Final = 3.0


class Attendance:
    """Joins the room, publishes the bot's track, and hands on what happens there."""

    def __init__(
        self,
        rooms: RoomService,
        *,
        media: CallMedia,
        captions: Captions,
        recording: CallRecording,
        stay: Stay,
        record: CallRecord,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._spec = record.view().spec
        self._rooms = rooms
        self._media = media
        self._captions = captions
        self._recording = recording
        self._stay = stay
        self._record = record
        self._clock = clock
        self._spawn = spawn

    async def run(self) -> None:
        """Be in the room until it has nothing more to tell.

        :raises RoomError: it could not be entered, or the track not be published.
        """
        spec = self._spec
        self._record.media_is(LinkState.CONNECTING)
        identity = bot_identity_for(spec.connection_id)
        async with self._rooms.join(
            spec.room_name, identity, spec.agent.name, empties=not spec.foreign_room
        ) as bot:
            self._media.joined(bot)
            self._captions.show_by(bot)
            if spec.start_policy is StartPolicy.VOICE_ON_MICROPHONE:
                self._spawn(self._publish_late(bot), "publishing")
            else:
                await self._publish(bot)
            self._stay.bot_entered()
            async for event in bot.events():
                self._stay.on(event)

    async def _publish(self, bot: Bot) -> None:
        await bot.publish()
        self._stay.bot_published()
        self._recording.look_again()

    async def _publish_late(self, bot: Bot) -> None:
        """Wait for a microphone, or for a caller who seems to have none."""
        await self._stay.somebody_came.wait()
        with suppress(TimeoutError):
            async with self._clock.timeout(_MICROPHONE_S):
                await self._stay.microphone_heard.wait()
        await self._publish(bot)
