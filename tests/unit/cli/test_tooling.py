"""What the parts that execute tools are made of, and what is not loaded for nothing."""

import asyncio
import subprocess
import sys

import pytest

from bridge.cli.demo import _surroundings
from bridge.cli.tooling import surroundings_of, tooling
from bridge.clock import SystemClock
from bridge.destinations import DestinationRefused
from bridge.ports.tool import McpEndpoint
from bridge.settings import Settings
from tests import mcp_shop

ALLOWING = {
    "MEDIABRIDGE_TOOL_HTTP_ALLOW": "api.example.com",
    "MEDIABRIDGE_TOOL_PROGRAMS": "true",
    "TOOL_TOKEN": "s3cret",
}
SETTINGS = {"LIVEKIT_ENABLED": "false", "OPENAI_BASE_URL": "http://127.0.0.1"}


def test_what_agents_files_may_name_is_what_the_settings_say() -> None:
    allowed = surroundings_of(Settings.load({**SETTINGS, **ALLOWING}))
    allowed.destinations.check_host("api.example.com", 443)
    assert allowed.secrets == {"TOOL_TOKEN"}
    assert allowed.programs
    assert allowed.mcp


def test_without_settings_agents_files_may_name_nothing() -> None:
    allowed = surroundings_of(Settings.load(SETTINGS))
    with pytest.raises(DestinationRefused):
        allowed.destinations.check_host("api.example.com", 443)
    assert not allowed.secrets
    assert not allowed.programs


def test_the_demo_lists_agents_by_the_same_rules_and_minds_no_other_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**ALLOWING, "MEDIABRIDGE_LISTEN": "0.0.0.0:1"}.items():
        monkeypatch.setenv(name, value)
    allowed = _surroundings()
    allowed.destinations.check_host("api.example.com", 443)
    assert allowed.secrets == {"TOOL_TOKEN"}


async def test_mcp_server_that_is_named_is_asked_with_its_secret() -> None:
    with mcp_shop.running() as (_, port):
        allowing = {"MEDIABRIDGE_TOOL_HTTP_ALLOW": f"127.0.0.1:{port}", "TOOL_SHOP": mcp_shop.TOKEN}
        headers = (("Authorization", "Bearer ${TOOL_SHOP}"),)
        server = McpEndpoint(f"http://127.0.0.1:{port}/mcp", headers)
        async with tooling(Settings.load({**SETTINGS, **allowing}), SystemClock()) as tools:
            tools.mcp.keep(frozenset({server}))
            while not tools.mcp.offered(server):  # noqa: ASYNC110 - a process tells nobody
                await asyncio.sleep(0.01)


def test_the_library_of_mcp_is_not_loaded_where_nobody_names_a_server() -> None:
    check = "import bridge.cli.serve, sys; sys.exit('mcp' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
