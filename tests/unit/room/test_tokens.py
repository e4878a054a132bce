"""Tokens: who may do what, and for how long."""

from datetime import UTC, datetime, timedelta

import jwt
from livekit import api

from bridge.ids import Identity, RoomName
from bridge.room.tokens import Minter

KEY, SECRET = "devkey", "a-secret-of-at-least-32-characters"
MINTER = Minter(KEY, SECRET)
ROOM, CALLER, BOT = RoomName("room-1"), Identity("caller-1"), Identity("bot-1")


def test_a_caller_may_speak_and_hear_in_one_room_and_nothing_else() -> None:
    token = MINTER.caller_token(ROOM, CALLER, "Ada", 60, datetime.now(UTC))
    claims = api.TokenVerifier(KEY, SECRET).verify(token.jwt)
    assert (claims.identity, claims.name) == (CALLER, "Ada")
    grants = claims.video
    assert grants is not None
    assert (grants.room_join, grants.room) == (True, ROOM)
    assert grants.can_publish_sources == ["microphone"]
    assert grants.can_update_own_metadata is False
    assert not any((grants.room_admin, grants.room_create, grants.room_list, grants.hidden))
    assert claims.kind == ""


def test_a_token_expires_when_it_says() -> None:
    token = MINTER.caller_token(ROOM, CALLER, "Ada", 60, datetime.now(UTC))
    claims = jwt.decode(token.jwt, SECRET, algorithms=["HS256"])
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    assert abs(token.expires_at - expires_at) <= timedelta(seconds=1)


def test_a_bot_is_an_agent_that_everybody_sees() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(MINTER.bot_token(ROOM, BOT, "Agent"))
    assert claims.kind == "agent"
    assert claims.video is not None
    assert not claims.video.hidden
    assert claims.video.room == ROOM


def test_a_bot_may_show_its_state_which_begins_as_initializing() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(MINTER.bot_token(ROOM, BOT, "Agent"))
    assert claims.attributes == {"lk.agent.state": "initializing"}
    assert claims.video is not None
    assert claims.video.can_publish_data
    assert claims.video.can_update_own_metadata
    assert not any((claims.video.room_admin, claims.video.room_create, claims.video.room_list))


def test_a_minter_does_not_show_its_secret() -> None:
    assert SECRET not in repr(MINTER)
