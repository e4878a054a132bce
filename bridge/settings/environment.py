"""What the environment says: variables and an optional .env -> one frozen, valid object."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self, get_args

from pydantic import SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bridge.errors import BridgeError
from bridge.secret_files import SUFFIX, with_secrets_of_files
from bridge.settings.calls import CallSettings
from bridge.settings.egress import EgressGroup
from bridge.settings.hosting import HostSettings
from bridge.settings.listening import ListenSettings
from bridge.settings.livekit import RoomSettings
from bridge.settings.logging import LogSettings
from bridge.settings.models import ModelSettings
from bridge.settings.observing import ObserveSettings
from bridge.settings.recording import RecordingSettings
from bridge.settings.storing import StoreSettings
from bridge.settings.tooling import ToolSettings
from bridge.settings.values import shown, unknown_names
from bridge.settings.webhooks import WebhookSettings
from bridge.tool_secrets import names_among

PREFIX: Final = "MEDIABRIDGE_"
ENV_FILE: Final = Path(".env")


class SettingsError(BridgeError):
    """Some variables are wrong: one line each, and never the value of a secret."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


class Settings(
    # The last comes first where all of them are listed.
    ObserveSettings,
    LogSettings,
    WebhookSettings,
    EgressGroup,
    RecordingSettings,
    StoreSettings,
    CallSettings,
    HostSettings,
    ToolSettings,
    ModelSettings,
    RoomSettings,
    ListenSettings,
):
    """Everything an operator can set. Made by `load`; spans of time are in seconds.

    A later field's check may read the earlier ones of its group: their order matters.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read `env`, or else the process's environment and below it the file .env.

        An empty variable counts as one that is not set, as containers like to pass them.

        :raises SettingsError: some variables are wrong; all of them are named.
        """
        env = environment() if env is None else env
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        known = variables()
        of_tools = names_among(given)
        secrets = [*of_tools, *(name for name, field in known.items() if is_secret(field))]
        allowed = {*known, *(f"{name}{SUFFIX}" for name in secrets)}
        problems = unknown_names(given, allowed, PREFIX)
        given, unreadable = with_secrets_of_files(given, secrets)
        problems |= unreadable
        try:
            values: dict[str, object] = {name: given[name] for name in known if name in given}
            values["tool_secrets"] = {name: given[name] for name in of_tools if name in given}
            settings = cls.model_validate(values)
        except ValidationError as error:
            # A wrong default is named by its field, a wrong value by its variable.
            names = {field: name for name, field in known.items()}
            for wrong in error.errors(include_input=False, include_url=False):
                where = str(wrong["loc"][0])
                what = str(wrong.get("ctx", {}).get("error", wrong["msg"]))
                name = names.get(where, where)
                if f"{name}{SUFFIX}" not in unreadable:  # or else it is missing for that reason
                    problems[name] = what
        else:
            if not problems:
                return settings
        raise SettingsError(problems) from None

    def describe(self) -> list[tuple[str, str]]:
        """Return every variable and its value in force, for people; of secrets only whether."""
        values = dict(self)
        return [
            *((name, shown(field, values[field])) for name, field in variables().items()),
            *((name, shown(name, secret)) for name, secret in self.tool_secrets.items()),
        ]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but what `load` has read: only it sees the names that nobody knows."""
        return (init_settings,)


def environment() -> dict[str, str]:
    """Return the process's environment, and below it the file .env."""
    file = DotEnvSettingsSource(Settings, env_file=ENV_FILE, case_sensitive=True).env_vars
    return {name: value or "" for name, value in file.items()} | dict(os.environ)


def variables() -> dict[str, str]:
    """Return every variable's name in the environment, and its name in the class."""
    return {field.alias: name for name, field in Settings.model_fields.items() if field.alias}


def is_secret(field: str) -> bool:
    """Tell whether a field of the class holds a secret."""
    return _holds_secret(Settings.model_fields[field].annotation)


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, get_args(annotation)))
