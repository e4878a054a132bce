"""What a scraper gets over HTTP."""

import asyncio

import aiohttp
import pytest

from bridge.observe.exposition import MetricsListenError, exposing
from bridge.observe.metrics import Metrics
from tests.unit.api.rig import free_address


def nothing() -> None:
    """Bring nothing up to date."""


async def test_metrics_are_brought_up_to_date_for_each_answer() -> None:
    metrics, address = Metrics("1.2.3"), free_address()
    answers = iter(range(1, 10))

    def refresh() -> None:
        metrics.calls.labels("active").set(next(answers))

    async with exposing(address, metrics.registry, refresh), aiohttp.ClientSession() as http:
        for expected in (1, 2):
            async with http.get(f"http://{address}/metrics") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"].startswith("text/plain")
                text = await answer.text()
            assert f'mediabridge_calls{{state="active"}} {expected}.0' in text.splitlines()
            assert 'mediabridge_build_info{version="1.2.3"} 1.0' in text.splitlines()


async def test_a_scraper_that_speaks_openmetrics_gets_it() -> None:
    metrics, address = Metrics("1"), free_address()
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with (
        exposing(address, metrics.registry, nothing),
        aiohttp.ClientSession() as http,
        http.get(f"http://{address}/metrics", headers=headers) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert (await answer.text()).endswith("# EOF\n")


async def test_nothing_else_is_served() -> None:
    address = free_address()
    async with (
        exposing(address, Metrics("1").registry, nothing),
        aiohttp.ClientSession() as http,
        http.get(f"http://{address}/") as answer,
    ):
        assert answer.status == 404


async def test_an_address_that_is_taken_is_named() -> None:
    address = free_address()
    host, _, port = address.partition(":")
    taken = await asyncio.start_server(lambda _r, _w: None, host, int(port))
    async with taken:
        with pytest.raises(MetricsListenError, match=address):
            async with exposing(address, Metrics("1").registry, nothing):
                pass
