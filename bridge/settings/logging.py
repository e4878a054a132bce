"""What can be set of the log."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from bridge.settings.values import AnyCase


class LogSettings(BaseSettings):
    """The part of Settings that is about the log."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", alias="MEDIABRIDGE_LOG_LEVEL", description="debug, info, warning or error."
    )
    log_format: Annotated[Literal["json", "console", "auto"], AnyCase] = Field(
        "auto",
        alias="MEDIABRIDGE_LOG_FORMAT",
        description="json, console, or auto: console on a terminal, json elsewhere.",
    )
