"""Does a probe learn whether a server takes calls?"""

import asyncio

import pytest
from click.testing import CliRunner, Result

from bridge.api import server
from bridge.cli.main import main
from tests.unit.api.rig import Api, free_address, serving


async def ask(address: str, *arguments: str) -> Result:
    """Ask as a probe does, in a thread: a command runs a loop of its own."""
    command = ["health", *arguments, "--server", address, "--timeout", "2"]
    return await asyncio.to_thread(CliRunner().invoke, main, command)


@pytest.fixture(autouse=True)
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are the main thread's."""
    monkeypatch.setattr("bridge.cli.health.run", asyncio.run)


async def answers(api: Api, *, serving: bool, arguments: tuple[str, ...] = ()) -> Result:
    await api.server.set_serving(server.SERVICES, serving=serving)
    return await ask(api.address, *arguments)


async def test_a_server_that_takes_calls_is_healthy() -> None:
    async with serving() as api:
        whole = await answers(api, serving=True)
        part = await ask(api.address, "bridge.v1.CallService")
    assert (whole.exit_code, whole.output) == (0, "SERVING\n")
    assert (part.exit_code, part.output) == (0, "SERVING\n")


async def test_a_server_that_drains_is_not() -> None:
    async with serving() as api:
        whole = await answers(api, serving=False)
    assert (whole.exit_code, whole.output) == (1, "NOT_SERVING\n")


async def test_a_service_that_is_not_there_is_not_either() -> None:
    async with serving() as api:
        other = await ask(api.address, "bridge.v1.FaxService")
    assert other.exit_code == 1
    assert "NOT_FOUND" in other.output


async def test_where_nobody_listens_nobody_is_healthy() -> None:
    nobody = await ask(free_address())
    assert nobody.exit_code == 1
    assert "UNAVAILABLE" in nobody.output
    assert "Traceback" not in nobody.output
