"""Does a dump lead to the line that waits?"""

import asyncio
import threading
from collections.abc import AsyncIterator

from bridge.stacks import Stack, stacks_of_tasks, stacks_of_threads

SPOKEN = "spoken words"


async def innermost(gate: asyncio.Event) -> None:
    words = SPOKEN
    await gate.wait()
    del words


async def generated(gate: asyncio.Event) -> AsyncIterator[None]:
    await innermost(gate)
    yield


async def outermost(gate: asyncio.Event) -> None:
    async for _ in generated(gate):
        pass


def named(stacks: list[Stack], name: str) -> Stack:
    (found,) = [stack for stack in stacks if stack.name == name]
    return found


async def test_a_task_is_followed_to_what_it_waits_for() -> None:
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(outermost(gate), name="waiting")
        await asyncio.sleep(0)
        stack = named(stacks_of_tasks(), "waiting")
        gate.set()
    places = [frame.partition(" ")[2] for frame in stack.frames]
    assert places[0] == "outermost"
    assert places[-2:] == ["innermost", "Event.wait"]
    assert stack.frames[0].startswith("test_stacks.py:")


async def test_a_dump_holds_places_and_no_values() -> None:
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(innermost(gate), name="waiting")
        await asyncio.sleep(0)
        dumped = str(stacks_of_tasks()) + str(stacks_of_threads())
        gate.set()
    assert "innermost" in dumped
    assert SPOKEN not in dumped


def test_threads_are_there_by_name() -> None:
    gate, began = threading.Event(), threading.Event()

    def wait_in_vain() -> None:
        began.set()
        gate.wait()

    thread = threading.Thread(target=wait_in_vain, name="in vain")
    thread.start()
    try:
        began.wait()
        stack = named(stacks_of_threads(), "in vain")
    finally:
        gate.set()
        thread.join()
    assert any("wait_in_vain" in frame for frame in stack.frames)
