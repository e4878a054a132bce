"""What the model is told before anybody speaks: the prompt filled in, and earlier conversation."""

import pytest

from bridge.client import BridgeClient, InvalidArgumentError
from bridge.simulator import Simulator
from tests.e2e.rig import ready

pytestmark = pytest.mark.e2e


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
