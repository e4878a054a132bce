"""What the environment says: variables and an optional .env -> one frozen, valid object."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar, get_args

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bridge.addresses import as_websocket_url
from bridge.durations import write_duration
from bridge.env_values import (
    AnyCase,
    HostId,
    JoinTimeout,
    ListedDestinations,
    LiveKitSecret,
    MaxDuration,
    RejoinGrace,
    RoomEmptyTimeout,
    Secret,
    TokenTtl,
    UpToADay,
    Url,
    WorkerSilence,
    host_name,
    shown,
    unknown_names,
)
from bridge.errors import BridgeError
from bridge.listen_settings import ListenSettings
from bridge.secret_files import SUFFIX, with_secrets_of_files
from bridge.tool_secrets import names_among

PREFIX: Final = "MEDIABRIDGE_"
ENV_FILE: Final = Path(".env")
# The newest general model the installed openai types name; gpt-realtime and gpt-realtime-mini are
# announced to shut down on 2027-01-20.
DEFAULT_MODEL: Final = "gpt-realtime-2.1"

_Given = TypeVar("_Given", str, SecretStr)


class SettingsError(BridgeError):
    """Some variables are wrong: one line each, and never the value of a secret."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class LiveKitSettings:
    """What it takes to use LiveKit; all of it is there, or none."""

    server_url: str
    public_url: str
    api_key: SecretStr
    api_secret: SecretStr


class Settings(ListenSettings):
    """Everything an operator can set. Made by `load`; spans of time are in seconds.

    A later field's check may read the earlier ones: their order matters.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )

    livekit_enabled: bool = Field(
        True, alias="LIVEKIT_ENABLED", description="`false` serves everything but calls."
    )
    livekit_server_url: Url | None = Field(
        None,
        alias="LIVEKIT_SERVER_URL",
        description="Where the bridge connects to LiveKit: ws, wss, http or https.",
    )
    livekit_public_url: Url | None = Field(
        None,
        alias="LIVEKIT_PUBLIC_URL",
        description="Where clients connect to LiveKit. Default: LIVEKIT_SERVER_URL, as ws or wss.",
    )
    livekit_api_key: Secret | None = Field(
        None, alias="LIVEKIT_API_KEY", description="LiveKit's API key."
    )
    livekit_api_secret: LiveKitSecret | None = Field(
        None,
        alias="LIVEKIT_API_SECRET",
        description="LiveKit's API secret, at least 32 characters.",
    )

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

    tool_http_allow: ListedDestinations | None = Field(
        None,
        alias="MEDIABRIDGE_TOOL_HTTP_ALLOW",
        description="The servers that tools may be run on: names, networks, ports.",
    )
    tool_programs: bool = Field(
        False,
        alias="MEDIABRIDGE_TOOL_PROGRAMS",
        description="Agents' files may start programs: MCP servers on this machine.",
    )
    # Of any number and name, and so no variable with a row of its own: TOOL_*.
    tool_secrets: Mapping[str, SecretStr] = Field(default_factory=dict)

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
    agents_dir: Path = Field(
        Path("agents"), alias="MEDIABRIDGE_AGENTS_DIR", description="The agents' YAML files."
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
    room_empty_timeout_s: RoomEmptyTimeout = Field(
        60,
        alias="MEDIABRIDGE_ROOM_EMPTY_TIMEOUT",
        description="How long LiveKit keeps an empty room, should the bridge die.",
    )
    room_max_participants: int = Field(
        10,
        alias="MEDIABRIDGE_ROOM_MAX_PARTICIPANTS",
        ge=2,
        le=1000,
        description="Participants of a room, the agent among them, 2 to 1000.",
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
        description="Events that are kept of one call, the newest.",
    )

    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", alias="MEDIABRIDGE_LOG_LEVEL", description="debug, info, warning or error."
    )
    log_format: Annotated[Literal["json", "console", "auto"], AnyCase] = Field(
        "auto",
        alias="MEDIABRIDGE_LOG_FORMAT",
        description="json, console, or auto: console on a terminal, json elsewhere.",
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

    @property
    def livekit(self) -> LiveKitSettings | None:
        """How to reach LiveKit; None where it is disabled."""
        url, public_url = self.livekit_server_url, self.livekit_public_url
        key, secret = self.livekit_api_key, self.livekit_api_secret
        if not (self.livekit_enabled and url and public_url and key and secret):
            return None
        return LiveKitSettings(url, public_url, key, secret)

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

    @field_validator("livekit_server_url", "livekit_api_key", "livekit_api_secret")
    @classmethod
    def _there_while_enabled(cls, given: _Given | None, info: ValidationInfo) -> _Given | None:
        if given is None and info.data.get("livekit_enabled"):
            raise ValueError("is required while LIVEKIT_ENABLED is true")
        return given

    @field_validator("livekit_public_url")
    @classmethod
    def _for_clients(cls, url: str | None, info: ValidationInfo) -> str | None:
        url = url or info.data.get("livekit_server_url")
        return url and as_websocket_url(url)

    @field_validator("openai_api_key")
    @classmethod
    def _there_for_openai(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None and info.data.get("openai_base_url", "") is None:
            raise ValueError("is required unless OPENAI_BASE_URL names another server")
        return key

    @field_validator("default_max_duration_s")
    @classmethod
    def _below_maximum(cls, seconds: float, info: ValidationInfo) -> float:
        most = info.data.get("max_max_duration_s", seconds)
        if seconds > most:
            raise ValueError(f"is above MEDIABRIDGE_MAX_MAX_DURATION, {write_duration(most)}")
        return seconds


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
