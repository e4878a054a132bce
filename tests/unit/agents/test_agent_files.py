"""How an agent's file is read, and how a mistake in it is reported."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bridge.agents.greeting import GreetingPart
from bridge.agents.http_tools import HttpPart
from bridge.agents.loader import read_agent
from bridge.agents.mcp_tools import McpPart
from bridge.agents.schema import AgentFile, LimitsPart, NoisePart, TranscriptionPart
from bridge.agents.silence import SilenceStepPart
from bridge.agents.tools import ToolPart
from bridge.agents.turn_parts import InterruptionPart
from bridge.agents.variables import VariablePart
from bridge.files.checked import MAX_FILE_BYTES, BadFile, Problem

ROOT = Path(__file__).parents[3]
MINIMAL = "agentId: ava\nname: Ava\ninstructions: Be kind.\n"


def read(text: str) -> AgentFile:
    return read_agent("a.yaml", text.encode())


def problems(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(BadFile) as bad:
        read_agent("a.yaml", text if isinstance(text, bytes) else text.encode())
    return bad.value.problems


def problem(text: str | bytes) -> str:
    (only,) = problems(text)
    return str(only)


def test_three_fields_make_an_agent() -> None:
    agent = read(MINIMAL)
    assert (agent.agent_id, agent.name, list(agent.languages)) == ("ava", "Ava", ["en"])
    assert agent.transcription == TranscriptionPart()


@pytest.mark.parametrize("name", ["greeter", "receptionist"])
def test_the_examples_are_good(name: str) -> None:
    agent = read_agent(name, (ROOT / f"agents/{name}.yaml").read_bytes())
    assert agent.agent_id == name
    assert len(agent.languages) == 2


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("speed: 2", "a.yaml:4:1: speed: Input should be less than or equal to 1.5"),
        ("speed: fast", "a.yaml:4:1: speed: Input should be a valid number"),
        ("speed: .inf", "a.yaml:4:1: speed: Input should be a valid number"),
        ("interruptible: yes", "a.yaml:4:1: interruptible: Input should be a valid boolean"),
        ("agent_id: x", "a.yaml:4:1: agent_id: is unknown; did you mean agentId?"),
        ("temperature: 1", "a.yaml:4:1: temperature: is unknown"),
        ("name: Eve", "a.yaml:4:1: name: is given twice"),
        ("tenantId: ' '", "a.yaml:4:1: tenantId: must be one line of printable characters"),
        ("limits:\n  join_timeout: 0s", "a.yaml:5:3: limits.join_timeout: must be from 1s to 1h"),
        ("limits:\n  max_duration: soon", "a.yaml:5:3: limits.max_duration: must be a span"),
        ("limits:\n  join: 1s", "a.yaml:5:3: limits.join: is unknown"),
        ("overridable: [voice, prompt]", "a.yaml:4:22: overridable.1: Input should be"),
        (
            "turn_detection: {type: server_vad, threshold: 2}",
            "a.yaml:4:36: turn_detection.threshold: Input should be less than",
        ),
        (
            "turn_detection: {type: semantic_vad, threshold: 1}",
            "a.yaml:4:38: turn_detection.threshold: is unknown",
        ),
        ("turn_detection: {}", "a.yaml:4:1: turn_detection: Unable to extract tag"),
        ("greeting: {}", "a.yaml:4:1: greeting: must be exactly one of"),
        ("greeting: {text: a, prompt: b}", "a.yaml:4:1: greeting: must be exactly one of"),
        ("greeting: {user_first: false}", "a.yaml:4:12: greeting.user_first: Input should be"),
        ("greeting: {text: 'Hi {x}'}", "a.yaml:4:12: greeting.text: unknown placeholder {x}"),
        ("languages: []", "a.yaml:4:1: languages: must name a language"),
        ("languages: [en, EN]", "a.yaml:4:1: languages: names a language twice"),
        ("languages: [en, en]", "a.yaml:4:1: languages: names a language tag twice"),
        ("languages: [en, 5]", "a.yaml:4:1: languages: must be a list of language tags"),
        ("languages: {english: }", "a.yaml:4:13: languages.english: must be a language tag"),
        (
            "languages:\n  en:\n    voices: x",
            "a.yaml:6:5: languages.en.voices: is unknown",
        ),
        ("transcription: on", "a.yaml:4:1: transcription: Input should be"),
        ("transcription:", 'a.yaml:4:1: transcription: must be "off"'),
        ("max_output_tokens: 1.5", "a.yaml:4:1: max_output_tokens: Input should be"),
        ("voice: &v x\nmodel: *v", "a.yaml:5:8: aliases (*name) are not supported"),
        ("voice: !!python/name:os.system x", "a.yaml:4:8: voice: is no value"),
        ("limits: !!set {a}", "a.yaml:4:9: limits: tags (!name) are not supported"),
        ("? [a]\n: b", "a.yaml:4:3: a key must be a word"),
        ("max_output_tokens: " + "9" * 5000, "a.yaml:4:20: max_output_tokens: is no value"),
        ("voice: [", "a.yaml:4:9: expected the node content"),
        ("voice: " + "[" * 100, "a.yaml:4:23: is nested too deeply"),
        ("--- \nvoice: x", "a.yaml:4:1: but found another document"),
        ("voice: \x07", "a.yaml:4:8: a character that is not allowed"),
    ],
)
def test_a_mistake_is_reported_with_line_column_and_field(added: str, expected: str) -> None:
    assert problem(MINIMAL + added).startswith(expected)


def test_every_mistake_of_the_schema_is_reported_at_once() -> None:
    found = problems("agentId: a b\nspeed: 9\ninstructions: '{x}'\ncolour: red\n")
    assert [(p.line, p.field) for p in found] == [
        (1, "agentId"),
        (1, "name"),
        (2, "speed"),
        (3, "instructions"),
        (4, "colour"),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "a.yaml: is empty"),
        (b"- a\n", "a.yaml:1:1: must be a mapping"),
        (b"name: A\nvoice: \xff\n", "a.yaml:2:1: is not UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), "a.yaml: is larger than"),
    ],
)
def test_what_is_no_agents_file_at_all_is_refused(raw: bytes, expected: str) -> None:
    assert problem(raw).startswith(expected)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hi {caller_name.__class__}", "unknown placeholder {caller_name.__class__}"),
        ("Hi {caller_name!r}", "unknown placeholder {caller_name!r}"),
        ("Hi {caller}", "unknown placeholder {caller}; there are {agent_name}"),
        ("Hi {{caller_name}}", "placeholders have single braces: {caller_name}"),
        ("Hi, this is {company}", "uses {company}, but the agent has no company"),
    ],
)
def test_a_wrong_placeholder_is_a_mistake_in_the_file(template: str, expected: str) -> None:
    text = f"agentId: ava\nname: Ava\ninstructions: '{template}'\n"
    assert problem(text).startswith(f"a.yaml:3:1: instructions: {expected}")


def test_braces_that_are_no_placeholders_are_text() -> None:
    text = 'Say { x } or {"a": {}}'
    assert read(MINIMAL.replace("Be kind.", f"'{text}'")).instructions == text


def test_variable_whose_default_is_left_empty_has_none() -> None:
    assert read(f"{MINIMAL}variables: {{plan: {{default: }}}}").variables["plan"] == VariablePart()


def test_the_text_of_a_prompt_is_in_no_problem() -> None:
    text = "agentId: ava\nname: Ava\ninstructions: 'secret sauce {x} secret sauce'\nspeed: secret\n"
    assert "sauce" not in " ".join(map(str, problems(text)))


@pytest.mark.parametrize("written", ["[en, no]", "{en: , no: }", "[en, 'no']"])
def test_norwegian_is_a_language(written: str) -> None:
    assert list(read(f"{MINIMAL}languages: {written}").languages) == ["en", "no"]


@pytest.mark.parametrize("written", ["off", "'off'"])
def test_off_is_a_word(written: str) -> None:
    assert read(f"{MINIMAL}transcription: {written}").transcription is None


def test_spans_of_time_are_read_as_people_write_them() -> None:
    limits = read(f"{MINIMAL}limits: {{join_timeout: 45, max_duration: 15m}}").limits
    assert limits == LimitsPart(join_timeout=45, max_duration=900)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = sorted(field.alias or name for name, field in AgentFile.model_fields.items())


def reads_or_reports(raw: bytes) -> None:
    with contextlib.suppress(BadFile):
        assert read_agent("a.yaml", raw).agent_id


@given(st.binary())
def test_random_bytes_make_a_problem_and_nothing_worse(raw: bytes) -> None:
    reads_or_reports(raw)


@given(st.text(alphabet="abn:-[]{}#&*!|>'\"%@`?,. \n\t0129~é\u2028\ufeff"))
def test_random_yaml_makes_a_problem_and_nothing_worse(text: str) -> None:
    reads_or_reports(text.encode())


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), JUNK))
def test_random_values_make_a_problem_and_nothing_worse(fields: dict[str, Any]) -> None:
    reads_or_reports(yaml.safe_dump(fields, allow_unicode=True).encode())
    reads_or_reports(json.dumps(fields).encode())


def documented_fields() -> set[str]:
    rows = re.findall(r"^\| `([\w.*]+)` \|", (ROOT / "docs/agents.md").read_text(), re.MULTILINE)
    return set(rows)


def fields_of(model: type[BaseModel], path: str = "") -> set[str]:
    return {path + (field.alias or name) for name, field in model.model_fields.items()}


def test_the_documentation_has_every_field_and_no_other() -> None:
    parts: dict[str, set[str]] = {
        "languages.*.": {"voice", "accent", "instructions", "greeting"},
        "variables.*.": {"default"},
        "budget.": {"max_tokens", "max_micro_units", "exceeded_text"},
        "recording.": {"format", "paused"},
        "turn_detection.": {
            "type",
            "threshold",
            "prefix_padding_ms",
            "silence_duration_ms",
            "idle_timeout_ms",
            "eagerness",
            "create_response",
        },
    }
    expected = fields_of(AgentFile) | fields_of(GreetingPart, "greeting.")
    expected |= fields_of(LimitsPart, "limits.") | fields_of(TranscriptionPart, "transcription.")
    expected |= fields_of(NoisePart, "noise.") | fields_of(ToolPart, "tools.*.")
    expected |= fields_of(SilenceStepPart, "silence.*.")
    expected |= fields_of(HttpPart, "tools.*.http.") | fields_of(McpPart, "mcp.*.")
    expected |= fields_of(InterruptionPart, "interruption.")
    expected |= {path + name for path, names in parts.items() for name in names}
    assert documented_fields() == expected
