"""How do the SDK's native events find their way? Each by its handle to the one who waits for it.

The SDK offers every event to every subscriber, under one lock, and wakes the event loop for each;
a capture of 20 ms subscribes, is offered everything, and unsubscribes. So the cost of a process
grows with the square of its calls. Here a frame goes straight into its stream's ring, the end of
a capture to its source, a room's event to its room. Whatever else there is goes the SDK's way.

What this builds on are insides of livekit 1.2.1, named in `INSIDES`: the contract test knows them
by fingerprint, and no other version is touched.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Final

from livekit import rtc
from livekit.rtc import _ffi_client as sdk
from livekit.rtc._proto import audio_frame_pb2, ffi_pb2

from bridge.pcm import BYTES_PER_SAMPLE, FRAME_MS, ROOM_RATE_HZ
from bridge.room.frame_ring import FrameRing

KNOWN_VERSION: Final = "1.2.1"
INSIDES: Final = (
    sdk.FfiClient,
    sdk.FfiQueue,
    sdk.FfiHandle,
    rtc.AudioSource,
    rtc.AudioStream,
    rtc.Room.connect,
    rtc.Room._listen_task,  # noqa: SLF001
    rtc.LocalParticipant.publish_track,
    rtc.LocalParticipant.unpublish_track,
)

# The first byte of an FfiEvent tells which one it is: field number and wire type.
STREAM_TAG: Final = 4 << 3 | 2
CAPTURE_TAG: Final = 13 << 3 | 2

# The SDK counts its own ids up from 1, and ours must not be among them.
_FIRST_ASYNC_ID: Final = 1 << 62

# What a room needs besides its own events: answers that it hands on to its participants.
_ROOM_ANSWERS: Final = frozenset({"publish_track", "unpublish_track", "rpc_method_invocation"})

# The SDK's own switch for native logs.
_DEBUG_VARIABLE: Final = "LIVEKIT_RTC_DEBUG"

_CALLBACK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)
_SDK_DATA: Final = ctypes.POINTER(ctypes.c_uint8)
_REQUEST_DATA: Final = ctypes.POINTER(ctypes.c_ubyte)

Completed = Callable[[str], None]
"""Told, on any thread, when a capture is over: what went wrong, or an empty text."""


class Request:
    """A request in its wire form, to be made many times."""

    def __init__(self, message: ffi_pb2.FfiRequest) -> None:
        self._bytes = message.SerializeToString()
        self.data = ctypes.cast(ctypes.c_char_p(self._bytes), _REQUEST_DATA)
        self.size = len(self._bytes)


class FfiRouter:
    """Takes over the events of this process's FFI client. There is one, for as long as that."""

    def __init__(self) -> None:
        _prepare_environment()
        self._client = sdk.FfiClient.instance
        self._lib = self._client._ffi_lib  # noqa: SLF001
        self._rings: dict[int, FrameRing] = {}
        self._captures: dict[int, Completed] = {}
        self._next_async_id = _FIRST_ASYNC_ID
        self._lock = threading.RLock()
        self._opening = 0
        self._parked: list[ffi_pb2.FfiEvent] = []  # of streams that are not known yet
        self._threads = threading.local()
        self._rooms = _RoomQueue(self._client.queue)
        self._client._queue = self._rooms  # noqa: SLF001
        self._answer = (ctypes.byref(_REQUEST_DATA()), ctypes.byref(ctypes.c_size_t()))
        # Native code calls it for as long as the process lives.
        self._callback = _CALLBACK(self._take)
        self._lib.livekit_ffi_initialize(
            ctypes.cast(self._callback, sdk.ffi_cb_fnc),
            # Captured logs are 1,800 events a join, half of what a join costs; the SDK throws
            # nearly all of them away.
            _DEBUG_VARIABLE in os.environ,
            b"python",
            KNOWN_VERSION.encode(),
        )

    @property
    def open_streams(self) -> int:
        return len(self._rings)

    @property
    def routed_rooms(self) -> int:
        return self._rooms.routed

    def route_room(self, room: rtc.Room) -> None:
        """Send a connected room's events to that room alone."""
        self._rooms.route(room)

    def open_stream(self, track: rtc.Track, ring: FrameRing) -> int:
        """Have a track's sound put into a ring, in frames of 20 ms; return the stream's handle."""
        request = ffi_pb2.FfiRequest()
        wanted = request.new_audio_stream
        wanted.track_handle = track._ffi_handle.handle  # noqa: SLF001
        wanted.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
        wanted.sample_rate = ROOM_RATE_HZ
        wanted.num_channels = 1
        wanted.frame_size_ms = FRAME_MS
        with self._lock:
            self._opening += 1
        handle: int = 0
        try:
            handle = self._client.request(request).new_audio_stream.stream.handle.id
        finally:
            with self._lock:
                self._opening -= 1
                if handle:
                    self._rings[handle] = ring
                parked, self._parked = self._parked, []
                for event in parked:
                    self._take_stream_event(event)
        return handle

    def close_stream(self, handle: int) -> None:
        """Stop a stream. Its ring ends; frames that are still on their way are let go."""
        ring = self._rings.get(handle)
        if ring is not None:  # or its track or its room has ended it
            ring.end()
            self._lib.livekit_ffi_drop_handle(handle)

    def register_capture(self, completed: Completed) -> int:
        """Return an id for one source's captures."""
        self._next_async_id += 1
        self._captures[self._next_async_id] = completed
        return self._next_async_id

    def forget_capture(self, async_id: int) -> None:
        self._captures.pop(async_id, None)

    def request(self, request: Request) -> bool:
        """Make a request whose answer says nothing; return whether it was accepted."""
        handle: int = self._lib.livekit_ffi_request(request.data, request.size, *self._answer)
        if handle == sdk.INVALID_HANDLE:
            return False
        self._lib.livekit_ffi_drop_handle(handle)
        return True

    def _take(self, address: int, size: int) -> None:
        """Take an event, on a thread of the SDK's."""
        if not hasattr(self._threads, "kept"):
            # Else Python makes a state for this thread and unmaps it again at each event.
            self._threads.kept = ctypes.pythonapi.PyGILState_Ensure()
        event_bytes = ctypes.string_at(address, size)
        if event_bytes[0] == STREAM_TAG:
            self._take_stream_event(ffi_pb2.FfiEvent.FromString(event_bytes))
        elif event_bytes[0] == CAPTURE_TAG:
            self._take_capture(ffi_pb2.FfiEvent.FromString(event_bytes))
        else:
            sdk.ffi_event_callback(ctypes.cast(address, _SDK_DATA), size)

    def _take_stream_event(self, event: ffi_pb2.FfiEvent) -> None:
        stream = event.audio_stream_event
        ring = self._rings.get(stream.stream_handle)
        if ring is None:
            with self._lock:
                ring = self._rings.get(stream.stream_handle)
                if ring is None and self._opening:
                    self._parked.append(event)
                    return
        if ring is None:
            self._rooms.put(event)  # an AudioStream of the SDK's
        elif stream.HasField("frame_received"):
            frame = stream.frame_received.frame
            size = frame.info.samples_per_channel * BYTES_PER_SAMPLE
            pcm = ctypes.string_at(frame.info.data_ptr, size)
            self._lib.livekit_ffi_drop_handle(frame.handle.id)
            ring.put(memoryview(pcm))
        else:
            self._rings.pop(stream.stream_handle, None)
            ring.end()

    def _take_capture(self, event: ffi_pb2.FfiEvent) -> None:
        capture = event.capture_audio_frame
        completed = self._captures.get(capture.async_id)
        if completed is None:
            self._rooms.put(event)  # of an AudioSource of the SDK's
        else:
            completed(capture.error)


class _RoomQueue(sdk.FfiQueue[ffi_pb2.FfiEvent]):
    """The SDK's queue, grown by the knowledge whose a room's event is."""

    def __init__(self, before: sdk.FfiQueue[ffi_pb2.FfiEvent]) -> None:
        super().__init__()
        self._lock, self._subscribers = before._lock, before._subscribers  # noqa: SLF001
        self._rooms: dict[int, sdk.FfiQueue[ffi_pb2.FfiEvent]] = {}

    @property
    def routed(self) -> int:
        return len(self._rooms)

    def route(self, room: rtc.Room) -> None:
        """Take a room's subscription out of those that are offered everything."""
        handle = room._ffi_handle  # noqa: SLF001
        if handle is None:
            raise ValueError("the room is not connected")
        with self._lock:
            for subscriber in self._subscribers:
                if subscriber[0] is room._ffi_queue:  # noqa: SLF001
                    self._subscribers.remove(subscriber)
                    own = sdk.FfiQueue[ffi_pb2.FfiEvent]()
                    own._subscribers.append(subscriber)  # noqa: SLF001
                    self._rooms[handle.handle] = own
                    return

    def put(self, item: ffi_pb2.FfiEvent) -> None:
        kind = item.WhichOneof("message")
        with self._lock:
            if kind == "room_event":
                owner = self._rooms.get(item.room_event.room_handle)
                owners = [owner] if owner else []
            else:
                owners = list(self._rooms.values()) if kind in _ROOM_ANSWERS else []
        for own in owners:
            own.put(item)
        if kind != "room_event" or not owners:
            super().put(item)

    def unsubscribe(self, queue: rtc._utils.Queue[ffi_pb2.FfiEvent]) -> None:
        super().unsubscribe(queue)
        with self._lock:
            for handle, own in self._rooms.items():
                if own._subscribers[0][0] is queue:  # noqa: SLF001
                    del self._rooms[handle]
                    return


def _prepare_environment() -> None:
    """Set what native code reads when it is loaded; what an operator has set stays."""
    # Half of the cost of the SDK's own threads is waking each other. One does: what it mostly
    # does is to call Python, where only one at a time gets on.
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")
    # What is not captured would go to stderr, past our format and our redaction.
    os.environ.setdefault("RUST_LOG", "off")
