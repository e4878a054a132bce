"""What is counted of RPCs that a real server has answered."""

from typing import Any

from bridge.api.scopes import SCOPE_OF
from bridge.observe.metrics import Metrics
from bridge.observe.rpc_metrics import RpcMetrics
from bridge.v1 import call_service_pb2 as pb
from tests.unit.api.rig import refused, serving
from tests.unit.observe.readings import readings

ASKED = pb.CreateRoomRequest(agent_id="greeter", participant_name="Ada")
CREATED = 'rpcs_total{code="%s",method="CreateRoom",service="bridge.v1.CallService"}'
WATCHES = 'streams_open{method="WatchEvents"}'


async def test_rpcs_count_by_how_they_ended() -> None:
    metrics = Metrics("1")
    async with serving(slots=1, observer=RpcMetrics(metrics, SCOPE_OF).observing) as api:
        await api.calls.CreateRoom(ASKED)
        await refused(api.calls.CreateRoom(ASKED))
        await refused(api.calls.CreateRoom(pb.CreateRoomRequest()))
    read = readings(metrics)
    assert read[CREATED % "OK"] == 1
    assert read[CREATED % "RESOURCE_EXHAUSTED"] == 1
    assert read[CREATED % "INVALID_ARGUMENT"] == 1
    assert read['rpc_duration_seconds_count{method="CreateRoom"}'] == 3
    assert read['calls_refused_total{reason="NO_FREE_SLOT"}'] == 1
    assert read['limits_hit_total{limit="slots"}'] == 1


async def test_streams_are_open_until_they_are_over_and_have_no_duration() -> None:
    metrics = Metrics("1")
    async with serving(observer=RpcMetrics(metrics, SCOPE_OF).observing) as api:
        created = await api.calls.CreateRoom(ASKED)
        asked = pb.WatchEventsRequest(connection_id=created.connection_id)
        watch = api.calls.WatchEvents(asked)
        await anext(aiter(watch))
        assert readings(metrics)[WATCHES] == 1
        await api.calls.EndCall(pb.EndCallRequest(connection_id=created.connection_id))
        async for _ in watch:
            pass
    read = readings(metrics)
    assert read[WATCHES] == 0
    assert 'rpc_duration_seconds_count{method="WatchEvents"}' not in read


async def test_methods_that_nobody_knows_are_counted_as_one() -> None:
    metrics = Metrics("1")
    observer = RpcMetrics(metrics, SCOPE_OF).observing
    async with serving(livekit=False, observer=observer) as api:
        for name in ("Guess", "GuessAgain"):
            ask: Any = api.channel.unary_unary(f"/bridge.v1.CallService/{name}")
            await refused(ask(b""))
    read = readings(metrics)
    assert read['rpcs_total{code="FAILED_PRECONDITION",method="other",service="other"}'] == 2
    assert not [name for name in read if "Guess" in name]
