"""Who may do what in a room: the grants of callers and of bots."""

from datetime import datetime, timedelta

from livekit import api

from bridge.ids import Identity, RoomName
from bridge.ports.room import AccessToken
from bridge.room.names import AGENT_STATE, INITIALIZING

# To join with; afterwards LiveKit renews the bot's token itself.
_BOT_TTL = timedelta(minutes=10)
_MICROPHONE = "microphone"


class Minter:
    """Makes tokens with one pair of LiveKit keys, which it never shows."""

    def __init__(self, api_key: str, api_secret: str) -> None:
        self._api_key = api_key
        self._api_secret = api_secret

    def caller_token(
        self, room: RoomName, identity: Identity, name: str, ttl_s: float, now: datetime
    ) -> AccessToken:
        """Return a token to speak and hear in one room, and nothing else."""
        ttl = timedelta(seconds=ttl_s)
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish_sources=[_MICROPHONE],
            can_subscribe=True,
            can_publish_data=True,  # chat and DTMF
            can_update_own_metadata=False,
        )
        jwt = self._token(identity, name, grants, ttl).to_jwt()
        return AccessToken(jwt, (now + ttl).replace(microsecond=0))

    def bot_token(self, room: RoomName, identity: Identity, name: str) -> str:
        """Return a token to be seen and heard in one room as its agent."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish_sources=[_MICROPHONE],
            can_subscribe=True,
            can_publish_data=True,
            can_update_own_metadata=True,  # lk.agent.state, which LiveKit's own clients show
            hidden=False,
        )
        token = self._token(identity, name, grants, _BOT_TTL).with_kind("agent")
        return token.with_attributes({AGENT_STATE: INITIALIZING}).to_jwt()

    def _token(
        self, identity: Identity, name: str, grants: api.VideoGrants, ttl: timedelta
    ) -> api.AccessToken:
        token = api.AccessToken(self._api_key, self._api_secret)
        return token.with_identity(identity).with_name(name).with_grants(grants).with_ttl(ttl)
