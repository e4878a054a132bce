"""Which of a room's participants are humans?"""

from typing import Final, Protocol

from livekit import api

from bridge.ids import is_bot

# The SDK numbers these as the API does.
_HUMAN_KINDS: Final = frozenset({api.ParticipantInfo.STANDARD, api.ParticipantInfo.SIP})


class Somebody(Protocol):
    """A participant, as the SDK or LiveKit's API describes one."""

    @property
    def identity(self) -> str: ...

    @property
    def kind(self) -> int: ...


def is_human(participant: Somebody) -> bool:
    return participant.kind in _HUMAN_KINDS and not is_bot(participant.identity)
