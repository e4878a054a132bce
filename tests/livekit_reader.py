"""What does a participant read in its room? As LiveKit's client components do, by the SDK alone."""

import asyncio
from dataclasses import dataclass, field

from livekit import rtc

from bridge.ids import Identity
from bridge.ports.room import Segment

_TOPIC = "lk.transcription"
_FINAL = {"true": True, "false": False}


@dataclass(slots=True)
class _Stream:
    reader: rtc.TextStreamReader
    identity: str
    text: str = ""
    done: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


class LiveKitReader:
    """Reads every transcription of one room, and every state that an agent in it has shown."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._streams: list[_Stream] = []
        self._states: list[str] = []
        self._keys: list[rtc.room.SipDTMF] = []
        self._tasks: list[asyncio.Task[None]] = []
        room.register_text_stream_handler(_TOPIC, self._on_stream)
        room.on("participant_connected", self._on_participant)
        room.on("participant_attributes_changed", self._on_attributes)
        room.on("sip_dtmf_received", self._on_key)
        for participant in room.remote_participants.values():
            self._on_participant(participant)

    def segments(self) -> list[Segment]:
        """Return what was read, in the order it was sent."""
        return [
            Segment(
                stream.attributes["lk.segment_id"],
                Identity(stream.identity),
                stream.text,
                _FINAL[stream.attributes["lk.transcription_final"]],
            )
            for stream in self._streams
            if stream.done
        ]

    def tracks(self) -> dict[str, str]:
        """Return which track each segment was said to belong to."""
        return {
            stream.attributes["lk.segment_id"]: stream.attributes.get("lk.transcribed_track_id", "")
            for stream in self._streams
        }

    def agent_states(self) -> list[str]:
        return list(self._states)

    def keys(self) -> str:
        """Return the keys of a telephone that others have pressed."""
        order = "0123456789*#ABCD"
        assert all(order.index(key.digit) == key.code for key in self._keys)
        return "".join(key.digit for key in self._keys)

    async def aclose(self) -> None:
        self._room.unregister_text_stream_handler(_TOPIC)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        stream = _Stream(reader, identity, attributes=dict(reader.info.attributes or {}))
        self._streams.append(stream)
        self._tasks.append(asyncio.create_task(self._read(stream)))

    async def _read(self, stream: _Stream) -> None:
        try:
            stream.text = await stream.reader.read_all()
            stream.done = True
        finally:
            stream.reader.close()

    def _on_key(self, key: rtc.room.SipDTMF) -> None:
        self._keys.append(key)

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        self._take_state(participant)

    def _on_attributes(self, _changed: object, participant: rtc.Participant) -> None:
        self._take_state(participant)

    def _take_state(self, participant: rtc.Participant) -> None:
        state = participant.attributes.get("lk.agent.state")
        is_agent = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if is_agent and state is not None and self._states[-1:] != [state]:
            self._states.append(state)
