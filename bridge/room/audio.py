"""Which way does sound take through the SDK: past its queue where we know it, else as it offers?"""

import functools
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from livekit import rtc
from livekit.rtc.version import __version__ as sdk_version

from bridge.logs import get_logger
from bridge.ports.room import AudioOutput
from bridge.room.direct_audio import DirectAudio
from bridge.room.ffi_router import KNOWN_VERSION, FfiRouter
from bridge.room.frame_ring import FrameRing
from bridge.room.sdk_audio import SdkAudio

_log = get_logger(__name__)


class Output(AudioOutput, Protocol):
    """A participant's own sound."""

    def create_track(self, name: str) -> rtc.LocalAudioTrack:
        """Return a track of this sound. Only while a room is connected: see `Caller`."""
        ...

    async def aclose(self) -> None:
        """Silence the track and free it; later writes fail. Idempotent."""
        ...


class Audio(Protocol):
    """How sound gets into and out of the SDK."""

    def output(self) -> Output: ...

    def listen(
        self, track: rtc.RemoteAudioTrack, ring: FrameRing
    ) -> AbstractAsyncContextManager[None]:
        """Have a track's sound put into a ring for as long as the context lasts."""
        ...

    def entered(self, room: rtc.Room) -> None:
        """Note that a room is connected."""
        ...


@functools.cache
def best_audio() -> Audio:
    """Return the cheapest way that is sound with the SDK installed."""
    if sdk_version == KNOWN_VERSION:
        return DirectAudio(FfiRouter())
    _log.warning(
        "this LiveKit SDK is not known: its own event queue is used, calls cost more CPU",
        installed=sdk_version,
        known=KNOWN_VERSION,
    )
    return SdkAudio()
