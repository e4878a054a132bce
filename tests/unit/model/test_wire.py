"""Every server event is read as what it says, and garbage is counted, never raised."""

import math
import typing
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from bridge.errors import ModelError, ModelFailure
from bridge.model.wire import (
    _READERS,
    IGNORED,
    MAX_MALFORMED_IN_A_ROW,
    Decoder,
    ResponseOver,
    ServerEvent,
)
from bridge.ports.model_event import AudioDelta, ResponseStatus, SpeechStarted, UserTextDone
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from tests.unit.model.payloads import PCM, ROWS, Payload, audio, done, event

PROVIDER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
ROW_IDS = [f"{number}-{row[0]['type']}" for number, row in enumerate(ROWS)]


def provider_event_types() -> set[str]:
    """Return every type of server event that the openai package knows."""
    union = typing.get_args(RealtimeServerEvent)[0]
    return {
        typing.get_args(member.model_fields["type"].annotation)[0]
        for member in typing.get_args(union)
    }


def decode(payload: object) -> tuple[ServerEvent | None, Decoder]:
    decoder = Decoder()
    return decoder.decode(orjson.dumps(payload)), decoder


@pytest.mark.parametrize(("payload", "expected"), ROWS, ids=ROW_IDS)
def test_event_is_read_as_what_it_says(payload: Payload, expected: ServerEvent | None) -> None:
    event_read, decoder = decode(payload)
    assert event_read == expected
    assert (decoder.malformed, decoder.unknown) == (0, 0)


@pytest.mark.parametrize(("payload", "_expected"), ROWS, ids=ROW_IDS)
def test_payload_of_these_tests_is_one_of_the_provider(payload: Payload, _expected: object) -> None:
    PROVIDER_EVENT.validate_python(payload)


def test_every_event_of_the_provider_is_read_or_ignored_on_purpose() -> None:
    assert provider_event_types() == set(_READERS) | IGNORED


def test_every_reader_has_a_row() -> None:
    assert {row[0]["type"] for row in ROWS} >= set(_READERS)


def test_unknown_event_is_ignored_and_counted() -> None:
    event_read, decoder = decode(event("response.video.delta", delta="?"))
    assert event_read is None
    assert (decoder.malformed, decoder.unknown) == (0, 1)


def test_usage_that_makes_no_sense_does_not_cost_the_end_of_the_response() -> None:
    event_read, _ = decode(done(usage={"input_token_details": {"text_tokens": "many"}}))
    assert isinstance(event_read, ResponseOver)
    assert event_read.done.tokens.input_text == 0


@pytest.mark.parametrize("count", [2**31, 2**64 - 1])
def test_count_that_no_call_reaches_counts_nothing(count: int) -> None:
    event_read, _ = decode(done(usage={"output_token_details": {"audio_tokens": count}}))
    assert isinstance(event_read, ResponseOver)
    assert event_read.done.tokens == TokenCounts()


@pytest.mark.parametrize("place", [2**31, 1e308, -1])
def test_time_and_place_that_no_call_reaches_are_malformed(place: float) -> None:
    event_read, decoder = decode(audio(content_index=place))
    assert (event_read, decoder.malformed) == (None, 1)


def transcribed(logprobs: object = None, usage: object = None) -> UserTextDone:
    event_, decoder = decode(
        event(
            "conversation.item.input_audio_transcription.completed",
            item_id="item_1",
            content_index=0,
            transcript="Hello there.",
            usage=usage or {"type": "duration", "seconds": 1.0},
            logprobs=logprobs,
        )
    )
    assert isinstance(event_, UserTextDone)
    assert decoder.malformed == 0
    return event_


def tokens(*logs: object) -> list[Payload]:
    return [{"token": "t", "bytes": [116], "logprob": log} for log in logs]


def test_how_sure_the_transcriber_was_is_the_mean_probability_of_its_tokens() -> None:
    sure = transcribed(tokens(math.log(0.5), math.log(0.25), 0)).confidence
    assert sure == pytest.approx((0.5 + 0.25 + 1) / 3)


@pytest.mark.parametrize("nothing", [None, [], "x", [None], [{}], tokens("x", None, True)])
def test_a_transcriber_that_does_not_say_how_sure_it_was_is_not_taken_for_unsure(
    nothing: object,
) -> None:
    assert transcribed(nothing).confidence is None


@pytest.mark.parametrize(("log", "sure"), [(1e6, 1.0), (0.001, 1.0), (-1e6, 0.0)])
def test_no_number_makes_a_probability_that_is_none(log: float, sure: float) -> None:
    assert transcribed(tokens(log)).confidence == sure


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"type": "duration", "seconds": 1.25}, TranscriptionUsage(audio_ms=1250)),
        ({"type": "duration", "seconds": -1}, TranscriptionUsage()),
        ({"type": "duration", "seconds": 1e308}, TranscriptionUsage()),
        (
            {
                "type": "tokens",
                "input_tokens": 14,
                "output_tokens": 5,
                "total_tokens": 19,
                "input_token_details": {"audio_tokens": 12, "text_tokens": 2},
            },
            TranscriptionUsage(input_text=2, input_audio=12, output_text=5),
        ),
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19},
            TranscriptionUsage(input_audio=14, output_text=5),
        ),
        ({"type": "miles"}, TranscriptionUsage()),
    ],
)
def test_what_a_transcription_took_is_read_as_time_or_as_tokens(
    usage: object, expected: TranscriptionUsage
) -> None:
    assert transcribed(usage=usage).usage == expected


def test_unknown_status_is_a_failure() -> None:
    event_read, _ = decode(done("exploded"))
    assert isinstance(event_read, ResponseOver)
    assert event_read.done.status is ResponseStatus.FAILED


def test_whole_number_written_as_fraction_is_a_number() -> None:
    started = event("input_audio_buffer.speech_started", item_id="item_1", audio_start_ms=20.0)
    assert decode(started)[0] == SpeechStarted("item_1", 20)


def test_audio_is_decoded_exactly() -> None:
    event_read, _ = decode(audio(PCM * 100))
    assert isinstance(event_read, AudioDelta)
    assert event_read.pcm == PCM * 100


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"\x00\xff\xfe",
        b"[]",
        b'"text"',
        b"{}",
        b'{"type":1}',
        b'{"type":"session.created"}',
        b'{"type":"session.created","session":[]}',
        b'{"type":"error","error":"no"}',
        b'{"type":"response.done","response":{"id":"resp_1"}}',
        b'{"type":"input_audio_buffer.speech_started","item_id":"i","audio_start_ms":-1}',
        b'{"type":"input_audio_buffer.speech_started","item_id":"i","audio_start_ms":true}',
        orjson.dumps(audio() | {"delta": "!!!!"}),
        orjson.dumps(audio() | {"delta": "schön"}),
        orjson.dumps(audio() | {"delta": None}),
    ],
)
def test_malformed_frame_is_counted(frame: bytes) -> None:
    decoder = Decoder()
    assert decoder.decode(frame) is None
    assert decoder.malformed == 1


def test_nothing_but_garbage_ends_the_session() -> None:
    decoder = Decoder()
    for _ in range(MAX_MALFORMED_IN_A_ROW - 1):
        decoder.decode(b"garbage")
    with pytest.raises(ModelError) as caught:
        decoder.decode(b"garbage")
    assert (caught.value.failure, caught.value.detail) == (ModelFailure.LOST, "protocol")


def test_garbage_among_sense_is_survived() -> None:
    decoder = Decoder()
    for _ in range(3 * MAX_MALFORMED_IN_A_ROW):
        decoder.decode(b"garbage")
        decoder.decode(orjson.dumps(audio()))
    assert decoder.malformed == 3 * MAX_MALFORMED_IN_A_ROW


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(frame=st.binary(max_size=200))
def test_no_bytes_make_the_decoder_fail(frame: bytes) -> None:
    Decoder().decode(frame)


@given(row=st.sampled_from(ROWS), spoilt=JSON, steps=st.lists(st.integers(0, 20), max_size=4))
def test_no_wrong_field_makes_the_decoder_fail(
    row: tuple[Payload, object], spoilt: Any, steps: list[int]
) -> None:
    payload = orjson.loads(orjson.dumps(row[0]))
    place, name = payload, "type"
    for step in steps:
        names = [key for key in place if key != "type"]
        if not names:
            break
        name = names[step % len(names)]
        if not isinstance(place[name], dict):
            break
        place = place[name]
    place[name] = spoilt
    Decoder().decode(orjson.dumps(payload))
