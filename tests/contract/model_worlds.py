"""A provider and its users for the contract of models: in memory, and on the simulator."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol, cast

import pytest

from bridge.clock import SystemClock
from bridge.errors import ModelError, ModelFailure
from bridge.model.lasting import LastingModels
from bridge.model.service import RealtimeModels
from bridge.model.settings import ContinuitySettings
from bridge.ports.model import ModelService, ModelSession
from bridge.ports.model_config import ModelConfig
from bridge.ports.model_event import (
    ModelEvent,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    UserTextDone,
)
from bridge.ports.tool import ToolSpec
from bridge.simulator import Faults, Simulator, SimulatorSettings
from bridge.simulator.behaviours import Speech, ToolCall, Turn
from bridge.simulator.sound import tone
from tests.fakes.model import Answers, FakeModels, FakeSession

CONFIG = ModelConfig(
    model="gpt-realtime-2.1",
    instructions="Be brief.",
    voice="marin",
    transcription_model="gpt-4o-mini-transcribe",
    tools=(ToolSpec("weather", "Tells it.", {"type": "object"}),),
)
PATIENCE_S = 30.0
CHUNK_MS = 100


class World(Protocol):
    """A provider, and what the world around it can do."""

    @property
    def models(self) -> ModelService: ...

    def refuse(self, failure: ModelFailure) -> ModelConfig:
        """Make openings fail so; return the configuration to try it with."""
        ...

    async def user_speaks(self, session: ModelSession) -> None:
        """Let the user say something, and be silent until it is clear that it was all."""
        ...

    async def told_to_be(self, session: ModelSession) -> tuple[str, str]:
        """Return the session's instructions and language, once it has taken in all commands."""
        ...

    def lose(self, session: ModelSession) -> None:
        """Break the connection."""
        ...

    def known(self, session: ModelSession) -> list[str]:
        """Return what of the conversation the model knows."""
        ...


class FakeWorld:
    def __init__(self, answers: Answers) -> None:
        self.models = FakeModels(answers)

    def refuse(self, failure: ModelFailure) -> ModelConfig:
        self.models.refusal = ModelError(failure)
        return CONFIG

    async def user_speaks(self, session: ModelSession) -> None:
        assert isinstance(session, FakeSession)
        session.send_audio_nowait(bytes(4800))
        session.push(SpeechStarted("item_u", 0), SpeechStopped("item_u", 100))
        session.push(UserTextDone("item_u", "Hello."))
        if session.config.create_response:
            session.answer()

    async def told_to_be(self, session: ModelSession) -> tuple[str, str]:
        assert isinstance(session, FakeSession)
        return session.config.instructions, session.config.language

    def lose(self, session: ModelSession) -> None:
        assert isinstance(session, FakeSession)
        session.fail(ModelError(ModelFailure.LOST))

    def known(self, session: ModelSession) -> list[str]:
        assert isinstance(session, FakeSession)
        return [item.text for item in session.config.context]


class SimulatedWorld:
    def __init__(self, simulator: Simulator, models: ModelService) -> None:
        self._simulator = simulator
        self.models = models

    def refuse(self, failure: ModelFailure) -> ModelConfig:
        if failure is ModelFailure.CONFIG_REJECTED:
            return replace(CONFIG, speed=99.0)
        statuses = {
            ModelFailure.AUTH: 401,
            ModelFailure.RATE_LIMITED: 429,
            ModelFailure.UNAVAILABLE: 503,
        }
        self._simulator.faults = Faults(refuse_status=statuses[failure])
        return CONFIG

    async def user_speaks(self, session: ModelSession) -> None:
        samples = 24 * CHUNK_MS
        voice = [round(8000 * math.sin(2 * math.pi * 440 * n / 24_000)) for n in range(samples)]
        loud = b"".join(sample.to_bytes(2, "little", signed=True) for sample in voice)
        for chunk in [loud] * 5 + [bytes(len(loud))] * 10:
            session.send_audio_nowait(chunk)
            # As fast as the socket takes it; the port has no event for that.
            while session.counters().audio_queued_ms:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def told_to_be(self, session: ModelSession) -> tuple[str, str]:
        await session.respond(tag="after")
        await told(session, ResponseDone)
        [carried] = self._simulator.sessions
        config = carried.config.public()
        return config["instructions"], config["audio"]["input"]["transcription"]["language"]

    def lose(self, session: ModelSession) -> None:
        assert session.session_id
        self._simulator.faults = Faults(drop_after_s=0)

    def known(self, session: ModelSession) -> list[str]:
        assert session.session_id
        (one,) = self._simulator.sessions
        return [item.text for item in one.conversation.items]


class Caller:
    """Calls two functions, unless it has just been told an output: then it gives it back."""

    echoes = False

    def transcribe(self, turn: Turn) -> str:
        return turn.text

    def answer(self, turn: Turn) -> list[Speech | ToolCall]:
        if turn.tool_outputs:
            told = " ".join(answer.output for answer in turn.tool_outputs)
            return [Speech(tone(500, 300), told)]
        return [ToolCall("weather", '{"city":"Paris"}'), ToolCall("time", '{"city":"Paris"}')]


@asynccontextmanager
async def fake_world(answers: Answers = Answers.WHOLE) -> AsyncIterator[World]:
    yield FakeWorld(answers)


@asynccontextmanager
async def simulated_world(answers: Answers = Answers.WHOLE) -> AsyncIterator[World]:
    endless = answers is Answers.BEGUN
    settings = SimulatorSettings(
        behaviour=Caller() if answers is Answers.CALLS else "tones",
        tone_ms=60_000 if endless else 300,
        speed=1 if endless else math.inf,
        first_delta_ms=0,
    )
    async with Simulator(settings) as simulator, RealtimeModels("k", simulator.url) as models:
        yield SimulatedWorld(simulator, models)


@asynccontextmanager
async def lasting_world(answers: Answers = Answers.WHOLE) -> AsyncIterator[World]:
    """The one that calls use, which here gives up soon."""
    hurried = ContinuitySettings(reconnect_within_s=0.5)
    async with simulated_world(answers) as world:
        assert isinstance(world, SimulatedWorld)
        world.models = LastingModels(cast("RealtimeModels", world.models), SystemClock(), hurried)
        yield world


async def told(session: ModelSession, last: type[ModelEvent]) -> list[ModelEvent]:
    """Return what the model says up to the first event that is a `last`."""
    events: list[ModelEvent] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in session.events():
            events.append(event)
            if isinstance(event, last):
                return events
    pytest.fail("the events ended")
