"""Where does a process that holds no key of the provider's get one for a connection?"""

from typing import Final

from bridge.model.service import RealtimeModels

# A key opens the connection that it was asked for, at once; the connection outlives it.
KEY_TTL_S: Final = 60


class Minted:
    """Implements `ModelKeys` by the provider: a key for each connection, good for a minute."""

    def __init__(self, models: RealtimeModels) -> None:
        self._models = models

    async def key_for(self, model: str, safety_identifier: str | None) -> str:
        key = await self._models.mint(model, safety_identifier, KEY_TTL_S)
        return key.value
