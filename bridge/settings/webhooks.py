"""What can be set of webhooks: who wants them, where they may go, when they are given up."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings

from bridge.durations import within
from bridge.settings.values import ListedDestinations, Seconds

_MONTH_S = 31 * 86_400.0

GiveUp = Annotated[Seconds, AfterValidator(within((1.0, _MONTH_S)))]


class WebhookSettings(BaseSettings):
    """The part of Settings that is about webhooks."""

    webhooks: Path | None = Field(
        None,
        alias="MEDIABRIDGE_WEBHOOKS",
        description="The YAML file of the endpoints that get tenants' events.",
    )
    webhook_allow: ListedDestinations | None = Field(
        None,
        alias="MEDIABRIDGE_WEBHOOK_ALLOW",
        description="The servers that webhooks may be sent to: names, networks, ports.",
    )
    webhook_give_up_s: GiveUp = Field(
        86_400.0,
        alias="MEDIABRIDGE_WEBHOOK_GIVE_UP",
        description="How old an event may be before one that is not taken is a dead letter.",
    )
