"""How does sound pass the SDK's queue by? Both directions over the router."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from bridge.room.direct_output import DirectOutput
from bridge.room.ffi_router import FfiRouter
from bridge.room.frame_ring import FrameRing


class DirectAudio:
    """An `Audio` for the SDK whose insides we know."""

    def __init__(self, router: FfiRouter) -> None:
        self.router = router

    def output(self) -> DirectOutput:
        return DirectOutput(self.router)

    @asynccontextmanager
    async def listen(self, track: rtc.RemoteAudioTrack, ring: FrameRing) -> AsyncIterator[None]:
        stream = self.router.open_stream(track, ring)
        try:
            yield
        finally:
            self.router.close_stream(stream)

    def entered(self, room: rtc.Room) -> None:
        self.router.route_room(room)
