"""Is the demo's model polite, and its stack given the right settings?"""

import socket
from contextlib import AsyncExitStack

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from bridge.cli.hearing import hearing_of
from bridge.cli.microphone import load_speech
from bridge.demo import stack
from bridge.demo.parrot import YouSaid
from bridge.simulator.behaviours import Speech, Turn
from bridge.simulator.sound import tone


def spoken(turn: Turn) -> Speech:
    (output,) = YouSaid().answer(turn)
    assert isinstance(output, Speech)
    return output


def test_the_parrot_greets_with_a_voice() -> None:
    greeting = spoken(Turn(number=1))
    assert "repeat what you say" in greeting.transcript
    assert len(greeting.audio) > 24_000


def test_the_parrot_says_back_what_it_heard() -> None:
    heard = tone(440, 500)
    answer = spoken(Turn(number=2, heard=heard))
    assert np.array_equal(answer.audio[-len(heard) :], heard)
    assert len(answer.audio) > len(heard)
    assert answer.transcript == "You said: (0.5 s of speech)"


def test_the_shipped_speech_is_speech() -> None:
    samples = np.frombuffer(load_speech(stack.SPEECH), np.int16)
    assert 6 <= len(samples) / 48_000 <= 8
    assert hearing_of(samples).is_sound
    assert stack.SPEECH.stat().st_size < 400_000


def test_a_port_that_is_taken_gives_way_to_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert stack.free_port(port) != port
    assert stack.free_port(port) == port


async def test_health_decides_whether_a_server_is_serving() -> None:
    server = grpc.aio.server()
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    serving = health_pb2.HealthCheckResponse.SERVING
    not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
    await server.start()
    try:
        for status, serves in ((serving, True), (not_serving, False)):
            await checks.set("", status)
            assert await stack.is_serving(target) is serves
    finally:
        await server.stop(None)
    assert not await stack.is_serving(target)


@pytest.mark.parametrize("given", [{}, {"OPENAI_API_KEY": ""}])
async def test_without_a_key_the_simulator_answers(given: dict[str, str]) -> None:
    async with AsyncExitStack() as parts:
        name, settings = await stack._model(parts, None, given)
    assert "simulator" in name
    assert settings["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")


async def test_with_a_key_the_provider_answers_and_the_key_is_inherited() -> None:
    async with AsyncExitStack() as parts:
        name, settings = await stack._model(parts, None, {"OPENAI_API_KEY": "secret"})
    assert name == "OpenAI"
    assert settings == {}


def test_the_bridge_gets_no_variable_that_it_would_refuse() -> None:
    environ = {"MEDIABRIDGE_LIVEKIT_SERVER": "/x", "OPENAI_API_KEY": "secret", "PATH": "/bin"}
    child = stack._bridge({"A": "1"}, stack.SPEECH.parent, environ)
    assert child._environ == {"OPENAI_API_KEY": "secret", "PATH": "/bin", "A": "1"}
    assert not any("secret" in word for word in child._argv)
