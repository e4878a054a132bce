"""What an operator can set of the server: read from the environment, checked once, frozen."""

from bridge.settings.environment import (
    ENV_FILE,
    Settings,
    SettingsError,
    environment,
    is_secret,
    variables,
)
from bridge.settings.livekit import LiveKitSettings

__all__ = [
    "ENV_FILE",
    "LiveKitSettings",
    "Settings",
    "SettingsError",
    "environment",
    "is_secret",
    "variables",
]
