"""What can be set of calls: who answers, how long they may last, what is kept of them."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.durations import write_duration
from bridge.settings.values import JoinTimeout, MaxDuration, RejoinGrace, TokenTtl


class CallSettings(BaseSettings):
    """The part of Settings that is about calls. The order matters, as it does there."""

    agents_dir: Path = Field(
        Path("agents"), alias="MEDIABRIDGE_AGENTS_DIR", description="The agents' YAML files."
    )
    max_max_duration_s: MaxDuration = Field(
        86_400.0,
        alias="MEDIABRIDGE_MAX_MAX_DURATION",
        description="The most that a caller may ask for as a call's max_duration.",
    )
    default_max_duration_s: MaxDuration = Field(
        3_600.0,
        alias="MEDIABRIDGE_DEFAULT_MAX_DURATION",
        description="How long a call may last unless request or agent says.",
    )
    default_join_timeout_s: JoinTimeout = Field(
        30.0,
        alias="MEDIABRIDGE_DEFAULT_JOIN_TIMEOUT",
        description="How long to wait for the first caller unless request or agent says.",
    )
    default_rejoin_grace_s: RejoinGrace = Field(
        20.0,
        alias="MEDIABRIDGE_DEFAULT_REJOIN_GRACE",
        description="How long to wait for a lost caller unless request or agent says.",
    )
    token_ttl_s: TokenTtl = Field(
        600.0,
        alias="MEDIABRIDGE_TOKEN_TTL",
        description="How long a caller's token admits where the request does not say.",
    )
    retained_calls: int = Field(
        1000,
        alias="MEDIABRIDGE_RETAINED_CALLS",
        ge=0,
        description="Ended calls that are kept in memory.",
    )
    retained_events: int = Field(
        2000,
        alias="MEDIABRIDGE_RETAINED_EVENTS",
        ge=1,
        description="Events that are kept in memory of one call, the newest.",
    )

    @field_validator("default_max_duration_s")
    @classmethod
    def _below_maximum(cls, seconds: float, info: ValidationInfo) -> float:
        most = info.data.get("max_max_duration_s", seconds)
        if seconds > most:
            raise ValueError(f"is above MEDIABRIDGE_MAX_MAX_DURATION, {write_duration(most)}")
        return seconds
