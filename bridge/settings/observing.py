"""What can be set of how the server is seen from outside."""

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.addresses import host_and_port, is_local
from bridge.settings.values import HttpUrl


class ObserveSettings(BaseSettings):
    """The part of Settings about metrics and traces. The order matters, as it does there."""

    otlp_endpoint: HttpUrl | None = Field(
        None,
        alias="MEDIABRIDGE_OTLP_ENDPOINT",
        description="Where calls' traces go by OTLP over gRPC, such as http://127.0.0.1:4317.",
    )
    metrics_allow_remote: bool = Field(
        False,
        alias="MEDIABRIDGE_METRICS_ALLOW_REMOTE",
        description="Serve metrics beyond this machine although anyone can read them there.",
    )
    metrics_listen: str | None = Field(
        None,
        alias="MEDIABRIDGE_METRICS_LISTEN",
        description="Where Prometheus reads /metrics, as `host:port`; not set: nowhere.",
    )

    @field_validator("metrics_listen")
    @classmethod
    def _kept_here(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address is None:
            return None
        host_and_port(address)
        if not is_local(address) and not info.data.get("metrics_allow_remote", True):
            raise ValueError(
                "other machines could read the metrics there, in the clear and without a key. "
                "Listen on 127.0.0.1, or set MEDIABRIDGE_METRICS_ALLOW_REMOTE=true where "
                "something else keeps strangers out"
            )
        return address
