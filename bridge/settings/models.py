"""What can be set of the models: which provider, which of its models, and what it costs."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.settings.values import Secret, Url

# The newest general model the installed openai types name; gpt-realtime and gpt-realtime-mini are
# announced to shut down on 2027-01-20.
DEFAULT_MODEL: Final = "gpt-realtime-2.1"


class ModelSettings(BaseSettings):
    """The part of Settings that is about models. The order matters, as it does there."""

    openai_base_url: Url | None = Field(
        None,
        alias="OPENAI_BASE_URL",
        description="Another server that speaks the Realtime protocol, such as the simulator.",
    )
    openai_api_key: Secret | None = Field(
        None,
        alias="OPENAI_API_KEY",
        description="The model provider's key. May be left out where OPENAI_BASE_URL is given.",
    )
    openai_realtime_model: str = Field(
        DEFAULT_MODEL,
        alias="OPENAI_REALTIME_MODEL",
        description="The model of agents that name none.",
    )
    warm_sessions: int = Field(
        0,
        alias="MEDIABRIDGE_WARM_SESSIONS",
        ge=0,
        le=100,
        description="Sessions of that model kept open for the next calls, 0 to 100.",
    )
    prices: Path | None = Field(
        None,
        alias="MEDIABRIDGE_PRICES",
        description="The YAML file of what models cost. Without it calls have tokens but no cost.",
    )
    budgets: Path | None = Field(
        None,
        alias="MEDIABRIDGE_BUDGETS",
        description="The YAML file of what each tenant may spend in a day.",
    )

    @field_validator("openai_api_key")
    @classmethod
    def _there_for_openai(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None and info.data.get("openai_base_url", "") is None:
            raise ValueError("is required unless OPENAI_BASE_URL names another server")
        return key
