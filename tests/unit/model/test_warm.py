"""Warm sessions are taken by calls they fit, replaced, renewed, and never more than asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bridge.clock import SystemClock
from bridge.errors import ModelError, ModelFailure
from bridge.model.service import RealtimeModels
from bridge.model.warm import WarmSessions
from bridge.ports.model_config import ModelConfig
from bridge.simulator import Faults, Simulator, SimulatorSettings
from tests.unit.model.peer import CONFIG, PATIENCE_S

pytestmark = pytest.mark.usefixtures("leaves_no_task")


@asynccontextmanager
async def warm(count: int, **settings: float) -> AsyncIterator[tuple[Simulator, WarmSessions]]:
    async with (
        Simulator(
            SimulatorSettings(max_session_s=settings.get("max_session_s", 3600))
        ) as simulator,
        RealtimeModels("k", simulator.url) as models,
        WarmSessions(models, CONFIG.model, count, SystemClock()) as sessions,
    ):
        await until(lambda: sessions.ready == count)
        yield simulator, sessions


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - sockets tell nobody of their changes
            await asyncio.sleep(0.005)


async def test_a_warm_session_is_taken_configured_and_replaced() -> None:
    async with warm(2) as (simulator, sessions):
        before = {session.config.session_id for session in simulator.sessions}
        async with await sessions.connect(CONFIG) as session:
            assert session.session_id in before
            assert simulator.totals.last_session is not None
            assert sessions.taken == 1
            await until(lambda: sessions.ready == 2)
            taken = [one for one in simulator.sessions if one.config.session_id in before]
            assert CONFIG.instructions in {one.config.instructions for one in taken}
            assert simulator.totals.sessions_open == 3


@pytest.mark.parametrize(
    "config",
    [replace(CONFIG, model="another"), replace(CONFIG, safety_identifier="user-1")],
    ids=["another model", "names the user"],
)
async def test_a_call_that_no_warm_session_fits_gets_a_new_one(config: ModelConfig) -> None:
    async with warm(1) as (simulator, sessions):
        before = {session.config.session_id for session in simulator.sessions}
        async with await sessions.connect(config) as session:
            assert session.session_id not in before
        assert sessions.taken == 0


async def test_where_none_is_ready_a_new_one_is_opened() -> None:
    async with warm(0) as (_, sessions), await sessions.connect(CONFIG) as session:
        assert session.session_id


async def test_a_warm_session_that_is_lost_is_replaced() -> None:
    async with warm(1) as (simulator, sessions):
        simulator.faults = Faults(drop_after_s=0, times=1)
        await until(lambda: simulator.totals.sessions_opened == 2 and sessions.ready == 1)
        async with await sessions.connect(CONFIG) as session:
            assert session.session_id
        assert sessions.taken == 1


async def test_a_dead_warm_session_costs_a_call_only_a_moment() -> None:
    async with warm(1) as (simulator, sessions):
        simulator.faults = Faults(stall_after_s=0, times=1)
        await asyncio.sleep(0.05)  # the stall is on its way
        async with await sessions.connect(CONFIG) as session:
            assert session.session_id
        assert sessions.taken == 0


async def test_a_warm_session_is_renewed_when_half_its_time_is_over() -> None:
    async with warm(1, max_session_s=2) as (simulator, sessions):
        await until(lambda: simulator.totals.sessions_opened == 2 and sessions.ready == 1)
        assert simulator.totals.received["unknown"] == 0


async def test_a_refused_configuration_is_not_tried_twice() -> None:
    async with warm(1) as (simulator, sessions):
        with pytest.raises(ModelError) as caught:
            await sessions.connect(replace(CONFIG, speed=99.0))
        assert caught.value.failure is ModelFailure.CONFIG_REJECTED
        assert simulator.totals.received["session.update"] == 1


async def test_leaving_closes_what_nobody_took() -> None:
    async with Simulator(SimulatorSettings()) as simulator:
        async with (
            RealtimeModels("k", simulator.url) as models,
            WarmSessions(models, CONFIG.model, 2, SystemClock()) as sessions,
        ):
            await until(lambda: sessions.ready == 2)
        await until(lambda: simulator.totals.sessions_open == 0)
