"""Agents' files with something wrong: each makes an agent that works, or a list of mistakes."""

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest
from pydantic import TypeAdapter

from bridge.agents.loader import read_agent
from bridge.agents.resolve import resolve
from bridge.errors import InvalidRequest
from bridge.files.checked import BadFile
from bridge.ids import AgentId, TenantId
from bridge.model.configuration import session_object
from bridge.ports.agent import AgentRequest
from tests.effort import examples

_ROOT: Final = Path(__file__).parents[2]
_FILES: Final = sorted(
    path.read_text()
    for directory in ("agents", "tests/e2e/agents")
    for path in (_ROOT / directory).glob("*.yaml")
)
_EVERYTHING: Final = """
agentId: all
name: All
company: Everything
tenantId: acme
languages: {en: , de: {instructions: Sie., voice: cedar}}
instructions: "You are {agent_name}. {caller_name} has {order_id}."
variables: {order_id: {default: none}}
greeting: {text: Hello., interruptible: false, delay: 1s}
turn_detection: {type: server_vad, threshold: 0.4, silence_duration_ms: 300}
interruption: {min_speech: 0.3s, resume_after: 1s, echo_guard: 2s}
silence: [{after: 8s, say: Hello?}, {after: 8s, say: Bye., end: true}]
noise: {suppression: true}
transcription: {model: whisper}
limits: {join_timeout: 30s, max_duration: 10m, rejoin_grace: 5s}
budget: {max_tokens: 1000}
tools: [{builtin: end_call}]
overridable: [voice, greeting]
"""
_AS_A_PROVIDER_TAKES_IT: Final[TypeAdapter[Any]] = TypeAdapter(RealtimeSessionCreateRequest)
_JUNK: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["{", "{x}", "{{", "en", "1s", "-1s", "9999h", "1e999", [], {}, [{}], "x" * 5000]
    ),
    st.dictionaries(st.sampled_from(["en", "type", "text", "say", "x"]), st.text(max_size=5)),
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Make an agent's file with up to three things changed, in its values or in its text."""
    text = draw(st.sampled_from([*_FILES, _EVERYTHING]))
    for _ in range(draw(st.integers(0, 3))):
        text = draw(_other_text(text) if draw(st.booleans()) else _other_values(text))
    return text.encode("utf-8", "surrogatepass")


@st.composite
def _other_values(draw: st.DrawFn, text: str) -> str:
    try:
        tree = copy.deepcopy(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError):
        return text
    places: list[tuple[Any, Any]] = []
    _walk(tree, places)
    if not places:
        return text
    where, name = draw(st.sampled_from(places))
    match draw(st.sampled_from(["junk", "gone", "elsewhere"])):
        case "junk":
            where[name] = draw(_JUNK)
        case "gone":
            del where[name]
        case _:
            other, key = draw(st.sampled_from(places))
            where[name] = copy.deepcopy(other[key])
    return str(yaml.safe_dump(tree, allow_unicode=True))


def _walk(value: Any, places: list[tuple[Any, Any]]) -> None:
    entries = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for name, inner in entries:
        places.append((value, name))
        _walk(inner, places)


@st.composite
def _other_text(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 8)))
    put = draw(
        st.sampled_from(["", ":", "\n", "  ", "- ", "{", "}", "&a ", "*a", "!!", "'", "\x00"])
    )
    return text[:start] + put + text[end:]


@given(files(), st.sampled_from([None, "en", "de", "fr", "en-US", "", "\x00"]))
@examples(400)
def test_file_makes_an_agent_that_a_provider_takes_or_says_what_is_wrong(
    raw: bytes, language: str | None
) -> None:
    session = session_of(raw, language)
    if session is not None:
        orjson.dumps(session)
        _AS_A_PROVIDER_TAKES_IT.validate_python(session)


def session_of(raw: bytes, language: str | None) -> dict[str, object] | None:
    """Return what a provider is told of an agent; None where there is none for this call."""
    with suppress(BadFile, InvalidRequest):
        file = read_agent("a.yaml", raw)
        request = AgentRequest(AgentId(file.agent_id), TenantId("acme"), "Ada", language)
        return session_object(resolve(file, request, "gpt-realtime").model)
    return None
