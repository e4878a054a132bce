"""What do words and states look like on LiveKit, so that its own client components show them?

The conventions are those of LiveKit Agents. Every stream on `lk.transcription` carries all words
of a segment so far, as theirs do for what the caller says; readers put the newest in place of the
one before, by its segment id. The words of a human go out in that human's name.
"""

from livekit import rtc

from bridge.ids import Identity
from bridge.ports.room import Segment
from bridge.room.names import AGENT_STATE, IS_FINAL, SEGMENT_ID, TRACK_ID, TRANSCRIPTION_TOPIC


async def show_segment(room: rtc.Room, segment: Segment) -> None:
    """
    :raises Exception: LiveKit did not take it; the SDK knows nothing narrower.
    """
    speaker = segment.speaker or Identity(room.local_participant.identity)
    attributes = {SEGMENT_ID: segment.segment_id, IS_FINAL: "true" if segment.final else "false"}
    track_sid = _microphone_of(room, speaker)
    if track_sid is not None:
        attributes[TRACK_ID] = track_sid
    # Not `send_text`, which knows no other sender than ourselves.
    stream = await room.local_participant.stream_text(
        topic=TRANSCRIPTION_TOPIC, attributes=attributes, sender_identity=speaker
    )
    await stream.write(segment.text)
    await stream.aclose()


async def show_agent_state(room: rtc.Room, state: str) -> None:
    """
    :raises Exception: LiveKit did not take it; the SDK knows nothing narrower.
    """
    await room.local_participant.set_attributes({AGENT_STATE: state})


def _microphone_of(room: rtc.Room, identity: Identity) -> str | None:
    participant: rtc.Participant | None = room.remote_participants.get(identity)
    if identity == room.local_participant.identity:
        participant = room.local_participant
    if participant is None:
        return None
    for publication in participant.track_publications.values():
        if publication.source == rtc.TrackSource.SOURCE_MICROPHONE:
            return publication.sid
    return None
