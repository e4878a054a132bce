"""HTTP of a library that brings its own client: where it gets to, and how much comes back."""

import httpx2
import pytest

from bridge.destinations import DestinationRefused, Destinations
from bridge.tools.listed_transport import ListedOnly
from tests.unit.tools.endpoint import Endpoint, Names

MIB = 1024 * 1024
NAME = "shop.test"


async def got(endpoint: Endpoint, listed: str = f"{NAME}:{{port}} 127.0.0.0/8:{{port}}") -> str:
    transport = ListedOnly(Destinations(listed.replace("{port}", str(endpoint.port))))
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        return (await client.get(endpoint.url(NAME))).text


async def test_listed_server_is_asked_under_its_own_name(endpoint: Endpoint, names: Names) -> None:
    names.answers[NAME] = [["127.0.0.1"]]
    endpoint.says(text="hello")
    assert await got(endpoint) == "hello"
    ((_, path, headers, _),) = endpoint.asked
    assert (path, headers["Host"]) == ("/orders", f"{NAME}:{endpoint.port}")


async def test_address_that_does_not_answer_gives_way_to_the_next(
    endpoint: Endpoint, names: Names
) -> None:
    names.answers[NAME] = [["127.0.0.3", "127.0.0.1"]]
    endpoint.says(text="hello")
    assert await got(endpoint) == "hello"


async def test_name_that_stands_for_our_own_network_is_refused(
    endpoint: Endpoint, names: Names
) -> None:
    names.answers[NAME] = [["127.0.0.1"]]
    with pytest.raises(DestinationRefused):
        await got(endpoint, f"{NAME}:{{port}}")
    assert endpoint.asked == []


async def test_name_that_changes_its_address_behind_the_check_reaches_nobody(
    endpoint: Endpoint, names: Names
) -> None:
    names.answers[NAME] = [["127.0.0.3"], ["127.0.0.1"]]
    with pytest.raises(httpx2.ConnectError):
        await got(endpoint, f"{NAME}:{{port}} 127.0.0.3:{{port}}")
    assert names.looked_up == [NAME]
    assert endpoint.asked == []


async def test_body_is_bounded(endpoint: Endpoint, names: Names) -> None:
    names.answers[NAME] = [["127.0.0.1"]]
    endpoint.says(text="x" * MIB)
    assert len(await got(endpoint)) == MIB
    endpoint.says(text="x" * (MIB + 1))
    with pytest.raises(httpx2.RemoteProtocolError, match="too large"):
        await got(endpoint)


async def test_stream_of_events_is_not_bounded_as_a_whole(endpoint: Endpoint, names: Names) -> None:
    names.answers[NAME] = [["127.0.0.1"]]
    endpoint.says(text="x" * (MIB + 1), content_type="text/event-stream")
    assert len(await got(endpoint)) == MIB + 1


async def test_compressed_body_is_refused(endpoint: Endpoint, names: Names) -> None:
    names.answers[NAME] = [["127.0.0.1"]]
    endpoint.says(body=b"x", headers={"Content-Encoding": "gzip"})
    with pytest.raises(httpx2.RemoteProtocolError, match="compressed"):
        await got(endpoint)
