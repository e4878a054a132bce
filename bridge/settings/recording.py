"""What can be set of recordings: where they are kept."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class RecordingSettings(BaseSettings):
    """The part of Settings that is about recordings."""

    recordings_dir: Path | None = Field(
        None,
        alias="MEDIABRIDGE_RECORDINGS_DIR",
        description="Where the bridge records calls to.",
    )
