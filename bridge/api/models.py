"""ModelService: short-lived keys for browsers that talk to the model themselves."""

from dataclasses import replace
from typing import Any, Final

import grpc

from bridge.api import requests
from bridge.errors import ModelError, ModelFailure, Refusal, Unavailable, WrongState
from bridge.messages.times import timestamp
from bridge.ports.agent import AgentCatalogue
from bridge.ports.model import ModelService as Models
from bridge.v1 import model_service_pb2 as pb
from bridge.v1 import model_service_pb2_grpc

NAME: Final = "bridge.v1.ModelService"

_RETRY_S: Final = 5.0
_HOPELESS: Final = frozenset({ModelFailure.AUTH, ModelFailure.QUOTA, ModelFailure.CONFIG_REJECTED})

Context = grpc.aio.ServicerContext[Any, Any]


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Mints keys for sessions configured as an agent."""

    def __init__(self, agents: AgentCatalogue, models: Models, model_url: str) -> None:
        self._agents = agents
        self._models = models
        self._model_url = model_url

    async def CreateModelToken(
        self, request: pb.CreateModelTokenRequest, _context: Context
    ) -> pb.CreateModelTokenResponse:
        asked, ttl_s = requests.model_token(request)
        # Nobody would execute tools there.
        config = replace(self._agents.resolve(asked).model, tools=())
        try:
            key = await self._models.create_ephemeral_key(config, ttl_s)
        except ModelError as error:
            raise _refusal(error) from error
        return pb.CreateModelTokenResponse(
            value=key.value,
            expires_at=timestamp(key.expires_at),
            model_url=self._model_url,
            model=config.model,
        )


def _refusal(error: ModelError) -> Refusal:
    reason = f"MODEL_{error.failure.name}"
    if error.failure in _HOPELESS:
        return WrongState(reason, f"the model's provider refused: {error}")
    return Unavailable(reason, f"the model's provider does not answer: {error}", _RETRY_S)
