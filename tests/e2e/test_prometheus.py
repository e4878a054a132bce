"""A real Prometheus reads a real bridge: dashboard and alerts are asked as Grafana asks them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml

from bridge.simulator import Simulator
from tests.e2e.metered import metered
from tests.e2e.rig import SOON_S, called, ended, free_port
from tests.livekit_server import LiveKitServer

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
DASHBOARD: Final = json.loads((ROOT / "deploy/grafana/mediabridge.json").read_text())
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

# What Grafana puts in before it asks; the interval reaches over the whole call.
VARIABLES: Final = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*"}

OF_WHAT_DID_NOT_HAPPEN: Final = {
    *("Ends by others' or our fault", "What went wrong and was survived"),
    *("Interruptions", "Silence after an interruption, p99", "Tools", "Tools' time, p95"),
    *("Lost and thrown away", "Voices that ran dry", "Packets lost"),
    *("Broken links", "Outages, p95", "Workers", "Store"),
}
"""Panels with nothing to show of a call without tools and interruptions in which all was well.

The worker started before anybody looked.
"""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server's HTTP API."""

    http: aiohttp.ClientSession

    async def get(self, path: str, **parameters: str) -> Any:
        async with self.http.get(f"/api/v1/{path}", params=parameters) as answer:
            told = await answer.json()
        assert told["status"] == "success", (parameters, told)
        return told["data"]

    async def is_positive(self, expression: str) -> bool:
        """Evaluate an expression now, and see whether there is anything to see."""
        found = (await self.get("query", query=expression))["result"]
        return any(float(one["value"][1]) > 0 for one in found)

    async def shown(self) -> set[str]:
        """Return the titles of the panels that show more than nothing."""
        return {
            panel["title"]
            for panel in PANELS
            for target in panel["targets"]
            if await self.is_positive(asked(target["expr"]))
        }

    async def firing(self) -> set[str]:
        alerts = (await self.get("alerts"))["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    async def until(self, expression: str) -> None:
        async with asyncio.timeout(SOON_S):
            while not await self.is_positive(expression):
                await asyncio.sleep(0.2)  # HTTP offers nothing to wait on


@asynccontextmanager
async def reading(program: Path, bridge_metrics: str, folder: Path) -> AsyncIterator[Prometheus]:
    """Run a Prometheus with our own rules and scrape, the latter of one server, each second."""
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/scrape.yaml").read_text())
    job |= {"scrape_interval": "1s", "static_configs": [{"targets": [bridge_metrics]}]}
    config = {
        "global": {"evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": [str(ROOT / "deploy/prometheus/alerts.yaml")],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession(f"http://{address}") as http:
            async with asyncio.timeout(SOON_S):
                while not await _is_ready(http):
                    assert process.returncode is None, (folder / "prometheus.log").read_text()
                    await asyncio.sleep(0.1)  # a process offers nothing to wait on but its port
            yield Prometheus(http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _is_ready(http: aiohttp.ClientSession) -> bool:
    try:
        async with http.get("/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


def asked(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


async def test_every_panel_shows_a_call_and_the_one_alert_that_should_fires(
    livekit_server: LiveKitServer, simulator: Simulator, prometheus: Path, tmp_path: Path
) -> None:
    async with (
        metered(livekit_server, simulator, tmp_path) as server,
        reading(prometheus, server.metrics, tmp_path) as read,
    ):
        client = server.client
        await read.until("mediabridge_build_info")
        async with called(client) as (created, caller):
            await server.two_turns(created.connection_id, caller)
            await read.until('mediabridge_audio_queue_seconds_count{direction="in"}')
            await read.until('mediabridge_calls{state="active"}')
            shown = await read.shown()
            await client.end_call(created.connection_id)
            await ended(client, created.connection_id)
        await read.until('mediabridge_calls_ended_total{reason="api_ended"}')
        await read.until('ALERTS{alertname="MediabridgeFull", alertstate="firing"}')

        shown |= await read.shown()
        rules = [one for group in (await read.get("rules"))["groups"] for one in group["rules"]]
        firing = await read.firing()
        for annotation in DASHBOARD["annotations"]["list"]:
            await read.get("query", query=asked(annotation["expr"]))

    assert {panel["title"] for panel in PANELS} - shown <= OF_WHAT_DID_NOT_HAPPEN
    assert {(one["health"], one.get("lastError", "")) for one in rules} == {("ok", "")}
    assert firing == {"MediabridgeFull"}
