"""A configuration becomes the session object the provider's types call valid."""

from dataclasses import replace
from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest
from openai.types.realtime import realtime_audio_input_turn_detection as openai_detection

from bridge.errors import ModelError, ModelFailure
from bridge.model.configuration import (
    SAFETY_HEADER,
    safety_headers,
    session_changes,
    session_object,
)
from bridge.ports.model_config import ConfigChange, ManualTurns, ModelConfig, SemanticVad, ServerVad
from bridge.ports.tool import ToolSpec

PLAIN = ModelConfig(model="gpt-realtime-2.1", instructions="Be brief.", voice="marin")


def read(config: ModelConfig) -> Any:
    return RealtimeSessionCreateRequest.model_validate(session_object(config))


def test_plain_configuration_is_complete() -> None:
    assert session_object(PLAIN) == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "max_output_tokens": "inf",
        "tools": [],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "noise_reduction": None,
                "transcription": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "voice": "marin",
                "speed": 1.0,
            },
        },
    }


def test_everything_set_is_valid_and_sent() -> None:
    session = read(
        replace(
            PLAIN,
            speed=1.25,
            turn_detection=SemanticVad("high"),
            interruptible=False,
            language="pt-BR",
            transcription_model="gpt-4o-mini-transcribe",
            noise_reduction="far_field",
            max_output_tokens=512,
        )
    )
    assert session.max_output_tokens == 512
    assert session.audio.output.speed == 1.25
    into = session.audio.input
    assert (into.turn_detection.type, into.turn_detection.eagerness) == ("semantic_vad", "high")
    assert into.turn_detection.interrupt_response is False
    assert into.turn_detection.create_response is True
    assert (into.transcription.model, into.transcription.language) == (
        "gpt-4o-mini-transcribe",
        "pt",
    )
    assert into.noise_reduction.type == "far_field"


def test_a_transcriber_is_asked_how_sure_it_is_unless_it_must_not_be() -> None:
    written = replace(PLAIN, transcription_model="gpt-4o-transcribe")
    assert read(written).include == ["item.input_audio_transcription.logprobs"]
    assert read(replace(written, transcription_confidence=False)).include is None
    assert read(PLAIN).include is None


def test_server_vad_is_sent_as_set() -> None:
    detection = ServerVad(0.7, 200, 800, 6000)
    vad = read(replace(PLAIN, turn_detection=detection)).audio.input.turn_detection
    assert (vad.threshold, vad.prefix_padding_ms, vad.silence_duration_ms) == (0.7, 200, 800)
    assert vad.idle_timeout_ms == 6000


def test_who_answers_and_who_stops_is_sent_as_set() -> None:
    config = replace(PLAIN, create_response=False, interruptible=False)
    vad = read(config).audio.input.turn_detection
    assert (vad.create_response, vad.interrupt_response) == (False, False)


def test_manual_turns_are_no_detection() -> None:
    config = replace(PLAIN, turn_detection=ManualTurns())
    assert read(config).audio.input.turn_detection is None
    assert session_changes(PLAIN, config) == {"audio": {"input": {"turn_detection": None}}}


def test_tools_are_offered_as_functions() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    [tool] = read(replace(PLAIN, tools=(ToolSpec("weather", "Tells it.", schema),))).tools
    assert (tool.type, tool.name, tool.description) == ("function", "weather", "Tells it.")
    assert tool.parameters == schema


def test_change_says_only_what_is_different() -> None:
    assert session_changes(PLAIN, PLAIN) == {}
    change = ConfigChange(instructions="Be briefer.", language="de")
    transcribed = replace(PLAIN, transcription_model="whisper-1")
    assert session_changes(transcribed, change.applied_to(transcribed)) == {
        "instructions": "Be briefer.",
        "audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}},
    }


def test_change_of_an_object_that_the_server_does_not_merge_says_all_of_it() -> None:
    slower = replace(PLAIN, turn_detection=ServerVad(silence_duration_ms=900))
    changes = session_changes(PLAIN, slower)
    update = RealtimeSessionCreateRequest.model_validate({"type": "realtime", **changes})
    assert update.audio is not None
    assert update.audio.input is not None
    detection = update.audio.input.turn_detection
    assert isinstance(detection, openai_detection.ServerVad)
    assert (detection.type, detection.threshold) == ("server_vad", 0.5)


def test_safety_identifier_is_a_header() -> None:
    assert safety_headers(None) == {}
    assert safety_headers("u1") == {SAFETY_HEADER: "u1"}


@pytest.mark.parametrize("identifier", ["a\r\nAuthorization: b", "ü", "\x00"])
def test_safety_identifier_cannot_smuggle_a_header(identifier: str) -> None:
    with pytest.raises(ModelError) as caught:
        safety_headers(identifier)
    assert caught.value.failure is ModelFailure.CONFIG_REJECTED
