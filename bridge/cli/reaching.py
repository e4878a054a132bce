"""How are LiveKit and the provider of models reached, by what the settings say?"""

from typing import Final

from bridge.addresses import as_http_url
from bridge.model.service import RealtimeModels
from bridge.ports.clock import Clock
from bridge.ports.model import ModelKeys
from bridge.room.service import LiveKitRooms
from bridge.settings import LiveKitSettings, Settings

# A local model server asks for no key, but the library wants one to send.
_NO_KEY: Final = "none"


def models_of(settings: Settings, keys: ModelKeys | None = None) -> RealtimeModels:
    """Return the provider of model sessions; it is to be entered.

    :param keys: where a key for each connection comes from, in place of the settings' own.
    """
    key, base_url = settings.openai_api_key, settings.openai_base_url
    return RealtimeModels(
        key.get_secret_value() if key else _NO_KEY, base_url and as_http_url(base_url), keys=keys
    )


def rooms_of(settings: Settings, livekit: LiveKitSettings, clock: Clock) -> LiveKitRooms:
    """Return LiveKit's rooms; they are to be entered."""
    return LiveKitRooms(
        livekit.server_url,
        livekit.api_key.get_secret_value(),
        livekit.api_secret.get_secret_value(),
        settings.host_id,
        livekit.public_url,
        clock,
    )
