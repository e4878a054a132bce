"""An environment that holds all that is required, and what is wrong with others."""

import pytest

from bridge.settings import Settings, SettingsError

SECRET = "s3cret-" * 6
COMPLETE = {
    "LIVEKIT_SERVER_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "devkey",
    "LIVEKIT_API_SECRET": SECRET,
    "OPENAI_API_KEY": "sk-test",
}
BUCKET = {"MEDIABRIDGE_EGRESS_ACCESS_KEY": "key", "MEDIABRIDGE_EGRESS_SECRET": "s3cret"}


def problems(**changed: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        Settings.load({**COMPLETE, **changed})
    assert len(str(refused.value).splitlines()) == len(refused.value.problems)
    return refused.value.problems
