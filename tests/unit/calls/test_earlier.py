"""What a new call's agent remembers of an earlier one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge.errors import NotFound
from bridge.ids import ConnectionId
from bridge.ports.call import CallState, CallView
from bridge.ports.model_config import ContextItem, ItemRole
from bridge.ports.model_event import UserTextDone
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes, Turn
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.desk import OTHER, Desk, desk_over, request
from tests.unit.calls.rig import EPOCH, HOST, World

EARLIER = ConnectionId("call-0")
NOTE = "All that was said so far was said in an earlier call, which is over. A new call begins now."


def turn(index: int, user: str, agent: str) -> Turn:
    return Turn(index, SPEC.created_at, user, agent)


async def keep(world: World, turns: Sequence[Turn]) -> None:
    """Let there be an ended call with these turns."""
    view = CallView(replace(SPEC, connection_id=EARLIER), HOST)
    assert await world.directory.add(Placed(view, HOST, EPOCH)) is None
    view = replace(view, state=CallState.ENDED)
    await world.directory.update(view, EPOCH)
    await world.store.save(
        CallReport(view, True, SetupTimes(), tuple(turns), None, 0.0, MediaTotals(), ())
    )


async def known(
    desk: Desk, *told: ContextItem, prior: ConnectionId | None = EARLIER
) -> list[tuple[ItemRole, str]]:
    """Return what the model of a new call is told at its beginning."""
    await desk.reception.create(request(prior_connection_id=prior, context=told))
    await settle()
    return [(item.role, item.text) for item in desk.world.models.configs[-1].context]


async def test_the_agent_remembers_what_was_heard_in_the_earlier_call(world: World) -> None:
    await keep(world, [turn(1, "", "Hello."), turn(2, "A lamp.", "Which"), turn(3, "Bye.", "")])
    async with desk_over(world) as desk:
        assert await known(desk) == [
            (ItemRole.AGENT, "Hello."),
            (ItemRole.USER, "A lamp."),
            (ItemRole.AGENT, "Which"),
            (ItemRole.USER, "Bye."),
            (ItemRole.SYSTEM, NOTE),
        ]


async def test_what_the_gateway_tells_comes_behind_the_earlier_call(world: World) -> None:
    await keep(world, [turn(1, "A lamp.", "")])
    async with desk_over(world) as desk:
        told = await known(desk, ContextItem(ItemRole.SYSTEM, "It is lost."))
        assert [text for _, text in told] == ["A lamp.", NOTE, "It is lost."]


async def test_a_call_without_an_earlier_one_knows_what_it_is_told_and_no_more(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        told = ContextItem(ItemRole.USER, "Hello?")
        assert await known(desk, told, prior=None) == [(ItemRole.USER, "Hello?")]


async def test_an_earlier_call_in_which_nothing_was_said_leaves_no_trace(world: World) -> None:
    await keep(world, [])
    async with desk_over(world) as desk:
        assert await known(desk) == []


async def test_of_a_long_call_the_newest_words_are_remembered(world: World) -> None:
    await keep(world, [turn(n, f"{n:04}" + "u" * 996, f"{n:04}" + "a" * 996) for n in range(50)])
    async with desk_over(world) as desk:
        told = [text[:4] for _, text in await known(desk)]
        assert told == [*[f"{n:04}" for n in range(38, 50) for _ in "ua"][-23:], "All "]
        # What the gateway tells is never shortened for it.
        beside = await known(desk, ContextItem(ItemRole.SYSTEM, "x" * 22_000))
        assert [text[:4] for _, text in beside] == ["0049", "All ", "xxxx"]


async def test_of_a_call_of_many_short_turns_two_hundred_utterances_are_remembered(
    world: World,
) -> None:
    await keep(world, [turn(n, f"u{n}", f"a{n}") for n in range(300)])
    async with desk_over(world) as desk:
        told = [text for _, text in await known(desk)]
        assert (told[0], told[-2], len(told)) == ("u200", "a299", 201)


async def test_an_earlier_call_that_nobody_knows_refuses_the_new_one(world: World) -> None:
    async with desk_over(world) as desk:
        with pytest.raises(NotFound) as refused:
            await desk.reception.create(request(prior_connection_id=EARLIER))
        assert refused.value.reason == "PRIOR_CALL_NOT_FOUND"
        assert refused.value.metadata == {"prior_connection_id": EARLIER}
        await desk.assert_nothing_left()


async def test_another_tenants_call_is_as_unknown_as_none(world: World) -> None:
    await keep(world, [turn(1, "A secret.", "")])
    async with desk_over(world) as desk:
        with pytest.raises(NotFound) as refused:
            await desk.reception.create(request(tenant=OTHER, prior_connection_id=EARLIER))
        assert refused.value.reason == "PRIOR_CALL_NOT_FOUND"
        assert await desk.listed() == 1, "the earlier call alone"


async def test_a_call_that_goes_on_can_be_remembered_as_far_as_it_has_come(world: World) -> None:
    async with desk_over(world) as desk:
        first = await desk.reception.create(request())
        await settle()
        world.models.sessions[-1].push(UserTextDone("item_u", "A lamp."))
        world.enter(first.view.spec)
        await settle()
        told = await known(desk, prior=first.view.connection_id)
        assert [text for _, text in told] == ["A lamp.", NOTE]
