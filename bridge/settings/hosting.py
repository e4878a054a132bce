"""What can be set of what carries calls: how many processes, how many calls, how they stop."""

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.settings.values import HostId, UpToADay, WorkerSilence, host_name


class HostSettings(BaseSettings):
    """The part of Settings that is about the processes that carry calls."""

    workers: int = Field(
        0,
        alias="MEDIABRIDGE_WORKERS",
        ge=0,
        le=64,
        description="Processes that carry calls, 0 to 64. 0: the server carries them itself.",
    )
    slots: int = Field(
        8,
        alias="MEDIABRIDGE_SLOTS",
        ge=1,
        le=1000,
        description="Calls at a time, of each worker where there are any, 1 to 1000.",
    )
    worker_silence_s: WorkerSilence = Field(
        1.5,
        alias="MEDIABRIDGE_WORKER_SILENCE",
        description="How long a worker may give no sign of life before it is killed.",
    )
    worker_memory_mb: int | None = Field(
        None,
        alias="MEDIABRIDGE_WORKER_MEMORY_MB",
        ge=64,
        description="Above so many MB a worker is replaced once its calls are over.",
    )
    ephemeral_keys: bool = Field(
        False,
        alias="MEDIABRIDGE_EPHEMERAL_KEYS",
        description="Workers get a short-lived model key for each connection, and no other.",
    )
    host_id: HostId = Field(
        default_factory=host_name,
        alias="MEDIABRIDGE_HOST_ID",
        description="This host among others, the same after a restart. Default: its host name.",
    )
    drain_timeout_s: UpToADay = Field(
        30.0,
        alias="MEDIABRIDGE_DRAIN_TIMEOUT",
        description="How long running calls may go on when the server is told to stop.",
    )

    @field_validator("ephemeral_keys")
    @classmethod
    def _for_workers(cls, ephemeral: bool, info: ValidationInfo) -> bool:
        if ephemeral and not info.data.get("workers"):
            raise ValueError("needs MEDIABRIDGE_WORKERS: a server without any holds the key itself")
        return ephemeral
