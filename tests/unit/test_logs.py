"""What comes out of the logs, and what never does."""

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bridge.ids import ConnectionId
from bridge.logs import CAPPED_LOGGERS, SILENCED_LOGGERS, call_context, configure, get_logger
from bridge.ports.model_config import ModelConfig
from bridge.redaction import REDACTED, is_sensitive, redact, scrub

PROMPT = "You are the receptionist of a clinic"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYWxsZXIifQ.c2lnbmF0dXJlLWJ5dGVz"
OPENAI_KEY = "sk-proj-abcdefghijklmnop"
OWN_KEY = "mbk_0123456789abcdef_abcdefghijklmnopqrstuvwxyz-_ABCDEFGHIJKLMNO"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Let a test configure logging as it likes, and put everything back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = (*CAPPED_LOGGERS, *SILENCED_LOGGERS)
    levels = {name: logging.getLogger(name).level for name in names}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_logger_and_fields(output: io.StringIO) -> None:
    configure("info", "json", output)
    get_logger("bridge.calls").info("call_ended", reason="api_ended", active_s=3.5)
    (line,) = lines(output)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call_ended",
        "level": "info",
        "logger": "bridge.calls",
        "reason": "api_ended",
        "active_s": 3.5,
    }


def test_auto_is_json_where_nobody_watches(output: io.StringIO) -> None:
    configure("info", "auto", output)
    get_logger("bridge").info("started")
    assert lines(output)[0]["event"] == "started"


def test_auto_is_a_console_on_a_terminal(
    output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "isatty", lambda: True)
    configure("info", "auto", output)
    get_logger("bridge").info("started")
    assert not output.getvalue().startswith("{")
    assert "started" in output.getvalue()


def test_configuring_again_replaces_the_former_output(output: io.StringIO) -> None:
    former = io.StringIO()
    log = get_logger("bridge")
    configure("debug", "json", former)
    configure("warning", "json", output)
    log.info("too_low")
    log.warning("high_enough")
    assert [line["event"] for line in lines(output)] == ["high_enough"]
    assert former.getvalue() == ""


async def test_a_call_is_named_in_every_line_of_its_tasks(output: io.StringIO) -> None:
    configure("info", "json", output)
    log = get_logger("bridge.calls")

    async def work() -> None:
        log.info("in_task")

    with call_context(ConnectionId("call-1")):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work(), name="work")
        logging.getLogger("asyncio").warning("from a library")
    log.info("after")
    assert [line.get("connection_id") for line in lines(output)] == ["call-1", "call-1", None]


@pytest.mark.parametrize("name", ["grpc._server", "aiohttp.server", "asyncio", "livekit.rtc"])
def test_libraries_log_into_the_same_output(output: io.StringIO, name: str) -> None:
    configure("info", "json", output)
    logging.getLogger(name).warning("lost %s", "connection")
    (line,) = lines(output)
    assert (line["event"], line["logger"], line["level"]) == ("lost connection", name, "warning")


def test_warnings_of_python_are_logged(output: io.StringIO) -> None:
    configure("info", "json", output)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest put its own recorder in between
        logging.captureWarnings(capture=True)
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert lines(output)[0]["logger"] == "py.warnings"


@pytest.mark.parametrize("name", CAPPED_LOGGERS)
def test_libraries_that_write_payloads_are_silent_below_warning(
    output: io.StringIO, name: str
) -> None:
    configure("debug", "json", output)
    inner = logging.getLogger(f"{name}.client")
    inner.debug("> TEXT %s", PROMPT)
    inner.info("HTTP Request: GET %s", PROMPT)
    inner.warning("kept")
    assert [line["event"] for line in lines(output)] == ["kept"]


@pytest.mark.parametrize("name", SILENCED_LOGGERS)
def test_libraries_that_write_payloads_into_their_errors_are_silent(
    output: io.StringIO, name: str
) -> None:
    configure("debug", "json", output)
    logging.getLogger(f"{name}.client").error("cannot read %s", PROMPT)
    assert output.getvalue() == ""


def test_a_library_that_raises_its_own_level_is_still_silent(output: io.StringIO) -> None:
    configure("debug", "json", output)
    logging.getLogger("openai").setLevel(logging.DEBUG)
    logging.getLogger("openai").debug("sending %s", PROMPT)
    assert output.getvalue() == ""


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize(
    "fields",
    [
        {"instructions": PROMPT},
        {"system_prompt": PROMPT},
        {"userText": PROMPT},
        {"transcript": [PROMPT]},
        {"session": {"audio": {"instructions": PROMPT}}},
        {"event_data": [{"say": PROMPT}]},
        {"config": ModelConfig(model="m", instructions=PROMPT, voice="v")},
        {"message": type("Message", (), {"__repr__": lambda _: PROMPT})()},
        {"pcm": PROMPT.encode()},
        {"anything": PROMPT.encode()},
        {"api_key": SecretStr(PROMPT)},
        {"anything": SecretStr(PROMPT)},
        {"authorization": PROMPT},
        {"JWT": PROMPT},
        {"a": {"b": {"c": {"d": {"e": {"f": PROMPT}}}}}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_secret_field_passed_by_mistake_does_not_come_out(
    output: io.StringIO, format_: Any, fields: dict[str, object]
) -> None:
    configure("info", format_, output)
    get_logger("bridge").info("mistake", **fields)
    assert "mistake" in output.getvalue()
    assert "receptionist" not in output.getvalue()


@pytest.mark.parametrize("secret", [JWT, OPENAI_KEY, OWN_KEY, f"Authorization: Bearer {JWT}"])
def test_what_looks_like_a_token_does_not_come_out_of_any_text(
    output: io.StringIO, secret: str
) -> None:
    configure("info", "json", output)
    get_logger("bridge").info(f"joined with {secret}", note=f"used {secret} twice")
    logging.getLogger("aiohttp").warning("refused %s", secret)
    try:
        raise ValueError(secret)
    except ValueError as error:
        get_logger("bridge").exception("failed", error=error)
    assert len(lines(output)) == 3
    assert "Traceback" in lines(output)[-1]["exception"]
    for part in (JWT, OPENAI_KEY, OWN_KEY):
        assert part not in output.getvalue()


def test_tracebacks_show_no_local_variables(output: io.StringIO) -> None:
    configure("info", "console", output)
    instructions = PROMPT
    try:
        raise RuntimeError(str(len(instructions)))
    except RuntimeError:
        get_logger("bridge").exception("failed")
    assert "RuntimeError" in output.getvalue()
    assert "receptionist" not in output.getvalue()


def test_a_long_text_under_an_innocent_name_is_cut() -> None:
    shown = redact("note", "x" * 10_000)
    assert isinstance(shown, str)
    assert len(shown) < 600
    assert shown.endswith("(10000 characters)")


@dataclass(frozen=True, slots=True)
class Counters:
    audio_dropped_ms: float
    input_tokens: int
    text: str


def test_counts_are_shown_under_any_name() -> None:
    assert redact("counters", Counters(2.5, 31, "hello")) == {
        "audio_dropped_ms": 2.5,
        "input_tokens": 31,
        "text": REDACTED,
    }


@pytest.mark.parametrize("key", ["monkey", "context", "keyboard", "connection_id", "reason", "url"])
def test_innocent_names_are_not_redacted(key: str) -> None:
    assert not is_sensitive(key)


@pytest.mark.parametrize("url", ["wss://user:hunter2@host/x", "https://h/x?access_token=hunter2"])
def test_credentials_in_urls_are_scrubbed(url: str) -> None:
    assert "hunter2" not in scrub(url)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON))
def test_redaction_takes_anything_and_leaves_something_that_json_can_hold(
    fields: dict[str, object],
) -> None:
    for key, value in fields.items():
        json.dumps(redact(key, value))
