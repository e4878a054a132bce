"""What do we say to the server? Client events as the bytes of text frames."""

import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

# Where a response carries the caller's tag, there and back.
TAG_KEY: Final = "request_tag"


class Command(StrEnum):
    """What we ask of the server and can be refused; the first part of an event_id."""

    UPDATE = "session.update"
    RESPOND = "response.create"
    CANCEL = "response.cancel"
    TRUNCATE = "conversation.item.truncate"
    DELETE = "conversation.item.delete"
    CREATE = "conversation.item.create"
    COMMIT = "input_audio_buffer.commit"


@dataclass(frozen=True, slots=True)
class EventId:
    """The name of one command, so that an error can be related to it."""

    command: Command
    number: int
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.command}/{self.number}/{self.tag}"

    @classmethod
    def parse(cls, text: str | None) -> "EventId | None":
        """Return what `text` names, or None where we did not write it."""
        parts = (text or "").split("/", 2)
        if len(parts) != 3 or parts[0] not in set(Command) or not parts[1].isdecimal():
            return None
        return cls(Command(parts[0]), int(parts[1]), parts[2])


def append(pcm: bytes | memoryview) -> bytes:
    """Return the frame that carries `pcm`: one base64 call, no JSON encoder."""
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % binascii.b2a_base64(
        pcm, newline=False
    )


def command(event_id: EventId, **fields: object) -> bytes:
    """Return the frame of any other client event."""
    return orjson.dumps({"type": event_id.command.value, "event_id": str(event_id), **fields})
