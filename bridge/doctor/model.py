"""Does the model's provider take a session?"""

from typing import Final

from bridge.doctor.finding import Finding, failed, ok
from bridge.errors import ModelError, ModelFailure
from bridge.ports.model import ModelService
from bridge.ports.model_config import ModelConfig

MODEL: Final = "model"

_VOICE: Final = "marin"
_ADVICE: Final = {
    ModelFailure.AUTH: "OPENAI_API_KEY is refused: is it whole, this provider's, not revoked?",
    ModelFailure.QUOTA: "The account has nothing left: see to its billing at the provider's.",
    ModelFailure.RATE_LIMITED: "Too many sessions or tokens: ask for a higher limit.",
    ModelFailure.CONFIG_REJECTED: "Does OPENAI_REALTIME_MODEL name a realtime model of theirs?",
}
_OTHERWISE: Final = (
    "Is OPENAI_BASE_URL right, does a firewall or proxy let WebSockets through, and what does the "
    "provider's status page say?"
)


async def check_model(models: ModelService, model: str, url: str) -> list[Finding]:
    """Open a session, say nothing, and close it."""
    try:
        async with models.open(ModelConfig(model, "Say nothing.", _VOICE)):
            return [ok(MODEL, f"{url} opened a session with {model}")]
    except ModelError as error:
        advice = _ADVICE.get(error.failure, _OTHERWISE)
        return [failed(MODEL, f"{url} opened no session with {model}: {error}", advice)]
