"""How calls, rooms and participants are named, and which names nobody may choose."""

import re
import secrets
from typing import Final, NewType

ConnectionId = NewType("ConnectionId", str)
"""Identifies one call; the API's word is `connection_id`."""

RoomName = NewType("RoomName", str)
Identity = NewType("Identity", str)
"""A participant's identity, unique in its room, made by the server."""

AgentId = NewType("AgentId", str)
TenantId = NewType("TenantId", str)

BOT_PREFIX: Final = "bot-"
ROOM_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")
_CALLER_PREFIX: Final = "caller-"
_ID_BYTES: Final = 16  # 128 random bits: no one finds a call by guessing


def new_connection_id() -> ConnectionId:
    return ConnectionId(f"call-{secrets.token_hex(_ID_BYTES)}")


def room_name_for(connection_id: ConnectionId) -> RoomName:
    return RoomName(f"room-{connection_id.removeprefix('call-')}")


def connection_id_of(room_name: RoomName) -> ConnectionId | None:
    """Return the id of the call that a room would have its name from; None: there is none."""
    connection_id = ConnectionId(f"call-{room_name.removeprefix('room-')}")
    return connection_id if room_name_for(connection_id) == room_name else None


def bot_identity_for(connection_id: ConnectionId) -> Identity:
    """Return the bot's fixed identity: a second bot of one call would evict the first."""
    return Identity(f"{BOT_PREFIX}{connection_id.removeprefix('call-')}")


def new_caller_identity() -> Identity:
    """Return an identity no client chose, so that none can evict another or pose as a bot."""
    return Identity(f"{_CALLER_PREFIX}{secrets.token_hex(_ID_BYTES)}")


def is_caller(identity: str) -> bool:
    """Tell whether the identity is one that a bridge gave out."""
    return identity.startswith(_CALLER_PREFIX)


def is_bot(identity: str) -> bool:
    return identity.startswith(BOT_PREFIX)
