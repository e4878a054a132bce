"""What can be set of agents' tools: what they may reach, and the secrets that they may use."""

from collections.abc import Mapping

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from bridge.settings.values import ListedDestinations


class ToolSettings(BaseSettings):
    """The part of Settings that is about tools."""

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
