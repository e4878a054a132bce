"""What can be set of LiveKit: where it is, how it lets the bridge in, and its rooms."""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.addresses import as_websocket_url, host_and_port
from bridge.settings.values import LiveKitSecret, RoomEmptyTimeout, Secret, Url

_Given = TypeVar("_Given", str, SecretStr)


@dataclass(frozen=True, slots=True)
class LiveKitSettings:
    """What it takes to use LiveKit; all of it is there, or none."""

    server_url: str
    public_url: str
    api_key: SecretStr
    api_secret: SecretStr


class RoomSettings(BaseSettings):
    """The part of Settings that is about LiveKit. The order matters, as it does there."""

    livekit_enabled: bool = Field(
        True, alias="LIVEKIT_ENABLED", description="`false` serves everything but calls."
    )
    livekit_server_url: Url | None = Field(
        None,
        alias="LIVEKIT_SERVER_URL",
        description="Where the bridge connects to LiveKit: ws, wss, http or https.",
    )
    livekit_public_url: Url | None = Field(
        None,
        alias="LIVEKIT_PUBLIC_URL",
        description="Where clients connect to LiveKit. Default: LIVEKIT_SERVER_URL, as ws or wss.",
    )
    livekit_api_key: Secret | None = Field(
        None, alias="LIVEKIT_API_KEY", description="LiveKit's API key."
    )
    livekit_api_secret: LiveKitSecret | None = Field(
        None,
        alias="LIVEKIT_API_SECRET",
        description="LiveKit's API secret, at least 32 characters.",
    )
    room_empty_timeout_s: RoomEmptyTimeout = Field(
        60,
        alias="MEDIABRIDGE_ROOM_EMPTY_TIMEOUT",
        description="How long LiveKit keeps an empty room, should the bridge die.",
    )
    room_max_participants: int = Field(
        10,
        alias="MEDIABRIDGE_ROOM_MAX_PARTICIPANTS",
        ge=2,
        le=1000,
        description="Participants of a room, the agent among them, 2 to 1000.",
    )

    livekit_webhook_listen: str | None = Field(
        None,
        alias="MEDIABRIDGE_LIVEKIT_WEBHOOK_LISTEN",
        description="Where LiveKit sends its webhooks to, as `host:port`; not set: nowhere.",
    )

    @field_validator("livekit_webhook_listen")
    @classmethod
    def _an_address(cls, address: str | None) -> str | None:
        if address is not None:
            host_and_port(address)
        return address

    @property
    def livekit(self) -> LiveKitSettings | None:
        """How to reach LiveKit; None where it is disabled."""
        url, public_url = self.livekit_server_url, self.livekit_public_url
        key, secret = self.livekit_api_key, self.livekit_api_secret
        if not (self.livekit_enabled and url and public_url and key and secret):
            return None
        return LiveKitSettings(url, public_url, key, secret)

    @field_validator("livekit_server_url", "livekit_api_key", "livekit_api_secret")
    @classmethod
    def _there_while_enabled(cls, given: _Given | None, info: ValidationInfo) -> _Given | None:
        if given is None and info.data.get("livekit_enabled"):
            raise ValueError("is required while LIVEKIT_ENABLED is true")
        return given

    @field_validator("livekit_public_url")
    @classmethod
    def _for_clients(cls, url: str | None, info: ValidationInfo) -> str | None:
        url = url or info.data.get("livekit_server_url")
        return url and as_websocket_url(url)
