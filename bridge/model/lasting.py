"""Which sessions do calls get? Those that outlive their connections."""

from contextlib import AbstractAsyncContextManager
from typing import Final

from bridge.model.line import Connect
from bridge.model.resilient import ResilientSession
from bridge.model.service import RealtimeModels
from bridge.model.settings import ContinuitySettings
from bridge.ports.clock import Clock
from bridge.ports.model import EphemeralKey
from bridge.ports.model_config import ModelConfig

_DEFAULTS: Final = ContinuitySettings()


class LastingModels:
    """Implements `ModelService` over a provider of single connections.

    `connect` may be another way to get one: from those that are kept warm.
    """

    def __init__(
        self,
        models: RealtimeModels,
        clock: Clock,
        settings: ContinuitySettings = _DEFAULTS,
        *,
        connect: Connect | None = None,
    ) -> None:
        self._models = models
        self._connect = connect or models.connect
        self._clock = clock
        self._settings = settings

    def open(self, config: ModelConfig) -> AbstractAsyncContextManager[ResilientSession]:
        """Open a session; the first connection must succeed.

        :raises ModelError: it could not be opened in time, or `config` was refused.
        """
        return ResilientSession(self._connect, config, self._clock, self._settings)

    async def create_ephemeral_key(self, config: ModelConfig, ttl_s: int) -> EphemeralKey:
        """Have the provider make a key for a browser.

        :raises ModelError: the provider refused, or did not answer in time.
        """
        return await self._models.create_ephemeral_key(config, ttl_s)
