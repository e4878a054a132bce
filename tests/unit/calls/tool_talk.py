"""A talk whose model calls tools, and what came of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson

from bridge.ports.call import AgentState
from bridge.ports.event import ToolFinished
from bridge.ports.tool import (
    ToolCallId,
    ToolSpec,
    ToolStatus,
)
from tests.fakes.agents import SILENT, SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Answered, Responded
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

_, LISTENING, THINKING, SPEAKING, TOOL = AgentState
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER = ToolSpec("weather", "Tells the weather.", CITY, timeout_s=5)
PARIS = '{"city":"Paris"}'
ASKED = Responded("tool", None, None)


@asynccontextmanager
async def talking_with(world: World, *tools: ToolSpec) -> AsyncIterator[Talk]:
    agent = replace(SILENT, model=replace(SILENT.model, tools=tools))
    async with talking(world, spec=replace(SPEC, agent=agent, metadata={"crm": "7"})) as talk:
        yield talk


async def call(talk: Talk, *names: str, arguments: str = PARIS) -> list[ToolCallId]:
    called = talk.session.call(*names, arguments=arguments)
    await settle()
    return called


async def answer(talk: Talk, call_id: ToolCallId, output: str = '"sunny"') -> None:
    talk.tools.answer(call_id, output)
    await settle()


async def last_words(talk: Talk) -> None:
    await talk.conversation.toolbox.finish()
    await talk.playout.drained()


def finished(talk: Talk) -> list[tuple[ToolStatus, str]]:
    uses = [kind.use for kind in talk.kinds if isinstance(kind, ToolFinished)]
    return [(use.status, use.code) for use in uses]


def outputs(talk: Talk) -> list[Any]:
    """Return what the model was told of its tools: codes, where they failed."""
    told = [orjson.loads(sent.output) for sent in talk.session.sent if isinstance(sent, Answered)]
    return [
        one["error"]["code"] if isinstance(one, dict) and "error" in one else one for one in told
    ]


def requests(talk: Talk) -> list[Responded]:
    return [sent for sent in talk.session.sent if isinstance(sent, Responded)]
