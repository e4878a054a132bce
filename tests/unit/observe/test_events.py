"""How events are overheard: kept as ever, whatever becomes of whoever listens."""

from bridge.messages.events import logged
from bridge.observe.events import OverheardEvents
from bridge.ports.call import CallState
from bridge.ports.event import CallEvent, StateChanged
from bridge.store.memory import MemoryEventLog
from bridge.v1 import event_pb2
from tests.fakes.agents import SPEC
from tests.fakes.clock import FakeClock

EVENT = CallEvent(
    SPEC.connection_id, 1, FakeClock().now(), 0.5, StateChanged(CallState.CREATED, None)
)


async def test_events_of_this_process_and_of_workers_are_heard_and_kept() -> None:
    heard: list[event_pb2.CallEvent] = []
    kept = MemoryEventLog(events_per_call=10, ended_calls=10)
    events = OverheardEvents(kept, [heard.append])
    await events.append(EVENT)
    await events.keep(logged(EVENT))
    assert [event.sequence for event in heard] == [1, 1]
    assert await events.last_sequence(SPEC.connection_id) == 1
    followed = await events.follow(SPEC.connection_id, 0)
    assert (await anext(followed)).sequence == 1


async def test_a_listener_that_fails_costs_nobody_else_anything() -> None:
    def fail(_event: event_pb2.CallEvent) -> None:
        raise ZeroDivisionError

    heard: list[event_pb2.CallEvent] = []
    kept = MemoryEventLog(events_per_call=10, ended_calls=10)
    await OverheardEvents(kept, [fail, heard.append]).append(EVENT)
    assert len(heard) == 1
    assert await kept.last_sequence(SPEC.connection_id) == 1
