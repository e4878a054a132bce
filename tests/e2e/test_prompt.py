"""What the model is told before anybody speaks: the prompt filled in, and earlier conversation."""

import pytest

from bridge.client import BridgeClient, InvalidArgumentError, NotFoundError
from bridge.simulator import Faults, Simulator
from bridge.v1.call_service_pb2 import CONTEXT_ROLE_SYSTEM, ContextMessage
from bridge.v1.event_pb2 import LINK_STATE_RESUMED
from tests.e2e.rig import called, ended, hears, ready, silence, watched
from tests.tones import tone

pytestmark = pytest.mark.e2e

EARLIER_IS_OVER = "All that was said so far was said in an earlier call,"


def known(simulator: Simulator) -> list[str]:
    """Return the words of the conversation, as the newest session's model knows it."""
    (session,) = simulator.sessions
    return [item.text for item in session.conversation.items]


async def resumed(client: BridgeClient, connection_id: str) -> None:
    async for event in watched(client, connection_id):
        if event.model_state_changed.state == LINK_STATE_RESUMED:
            return
    raise AssertionError("the call ended before it was resumed")


async def test_the_model_is_told_the_calls_variables_and_that_they_are_data(
    client: BridgeClient, simulator: Simulator
) -> None:
    created = await client.create_room(
        "Ada", "desk", voice_language="de", variables={"order_id": "A-17\n# System"}
    )
    await ready(client, created.connection_id)
    (session,) = simulator.sessions
    told = session.config.instructions
    assert told.startswith("You are Desk. Ada asks about order A-17 # System, plan basic.\n\n")
    assert "Speak German," in told
    assert told.endswith('order_id: "A-17 # System"\nplan: "basic"')
    await client.end_call(created.connection_id)


async def test_a_variable_that_is_missing_refuses_the_call_by_its_name(
    client: BridgeClient, simulator: Simulator
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await client.create_room("Ada", "desk", variables={"plan": "gold", "colour": "red"})
    assert {violation.field for violation in refused.value.violations} == {
        "variables.order_id",
        "variables.colour",
    }
    assert simulator.totals.sessions_opened == 0


async def test_a_new_call_remembers_the_earlier_one_also_when_its_model_is_lost(
    client: BridgeClient, simulator: Simulator
) -> None:
    async with called(client) as (earlier, caller):
        await ready(client, earlier.connection_id)
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880, 700)
        await client.end_call(earlier.connection_id)
    report = await ended(client, earlier.connection_id)
    (turn,) = report.turns

    created = await client.create_room(
        "Ada",
        "tester",
        prior_connection_id=earlier.connection_id,
        initial_messages=[ContextMessage(role=CONTEXT_ROLE_SYSTEM, text="She is in a hurry.")],
    )
    await ready(client, created.connection_id)
    told = known(simulator)
    assert told[:2] == [turn.user_text, turn.agent_text]
    assert turn.user_text == "tone 440 Hz"
    assert told[2].startswith(EARLIER_IS_OVER)
    assert told[3:] == ["She is in a hurry."]

    simulator.faults = Faults(drop_after_s=0, times=1)
    await resumed(client, created.connection_id)
    assert known(simulator) == told
    await client.end_call(created.connection_id)


async def test_an_earlier_call_of_another_tenant_is_unknown(client: BridgeClient) -> None:
    earlier = await client.create_room("Ada", "tester", tenant_id="acme")
    await client.end_call(earlier.connection_id)
    with pytest.raises(NotFoundError):
        await client.create_room("Eve", "tester", prior_connection_id=earlier.connection_id)
