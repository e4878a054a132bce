"""What can be set of LiveKit Egress: what it records, and where to."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.settings.values import AnyCase, Secret, Url


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """Where Egress uploads to."""

    bucket: str
    region: str
    endpoint: str
    access_key: SecretStr | None
    secret: SecretStr | None


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """What Egress records of a call, and where to."""

    tracks: bool
    """Each track by itself, not the room as a whole."""
    prefix: str
    s3: S3Bucket | None
    """Else a file of Egress's own machine."""


class EgressGroup(BaseSettings):
    """The part of Settings that is about Egress. The order matters, as it does there."""

    egress_of: Annotated[Literal["off", "room", "tracks"], AnyCase] = Field(
        "off",
        alias="MEDIABRIDGE_EGRESS",
        description="What LiveKit Egress records of recorded calls: off, room or tracks.",
    )
    egress_prefix: str = Field(
        "recordings",
        alias="MEDIABRIDGE_EGRESS_PREFIX",
        description="Directory, or beginning of the key, of what Egress writes.",
    )
    egress_bucket: str | None = Field(
        None,
        alias="MEDIABRIDGE_EGRESS_BUCKET",
        description="The bucket to upload to; not set: a file of Egress's own machine.",
    )
    egress_region: str | None = Field(
        None, alias="MEDIABRIDGE_EGRESS_REGION", description="The bucket's region."
    )
    egress_endpoint: Url | None = Field(
        None,
        alias="MEDIABRIDGE_EGRESS_ENDPOINT",
        description="The server of the bucket where it is not Amazon's.",
    )
    egress_access_key: Secret | None = Field(
        None,
        alias="MEDIABRIDGE_EGRESS_ACCESS_KEY",
        description="The bucket's access key; not set: Egress's own credentials.",
    )
    egress_secret: Secret | None = Field(
        None, alias="MEDIABRIDGE_EGRESS_SECRET", description="The access key's secret."
    )

    @property
    def egress(self) -> EgressSettings | None:
        """What Egress records; None where it does not."""
        if self.egress_of == "off":
            return None
        s3 = None
        if self.egress_bucket is not None:
            s3 = S3Bucket(
                bucket=self.egress_bucket,
                region=self.egress_region or "",
                endpoint=self.egress_endpoint or "",
                access_key=self.egress_access_key,
                secret=self.egress_secret,
            )
        return EgressSettings(self.egress_of == "tracks", self.egress_prefix.rstrip("/"), s3)

    @field_validator("egress_secret")
    @classmethod
    def _with_its_key(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (secret is None) != (info.data.get("egress_access_key") is None):
            raise ValueError("goes together with MEDIABRIDGE_EGRESS_ACCESS_KEY")
        return secret
