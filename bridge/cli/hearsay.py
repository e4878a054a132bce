"""Does LiveKit tell the server of its rooms, beside what bots see?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.calls.front.late_rooms import LateRooms
from bridge.calls.front.registry import Registry
from bridge.calls.front.second_source import SecondSource
from bridge.ports.clock import Clock
from bridge.ports.placement import Directory
from bridge.ports.room import RoomService
from bridge.room.webhooks import Webhooks, listening
from bridge.settings import LiveKitSettings, Settings


@asynccontextmanager
async def hearing_livekit(
    settings: Settings,
    livekit: LiveKitSettings,
    rooms: RoomService,
    late_rooms: LateRooms,
    directory: Directory,
    registry: Registry,
    clock: Clock,
) -> AsyncIterator[None]:
    """Take LiveKit's webhooks, where the settings want them, for as long as the context lasts.

    :raises WebhookListenError: the address is taken, or none of this machine's.
    """
    address = settings.livekit_webhook_listen
    if address is None:
        yield
        return
    webhooks = Webhooks(
        livekit.api_key.get_secret_value(), livekit.api_secret.get_secret_value(), clock
    )
    async with (
        SecondSource(rooms, late_rooms, directory, registry, clock) as source,
        listening(address, webhooks, source.tell),
    ):
        yield
