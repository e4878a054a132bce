"""Every refusal of a provider has one meaning."""

import aiohttp
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from bridge.errors import ModelFailure
from bridge.model.commands import Command, EventId
from bridge.model.failures import (
    fatal_error,
    http_error,
    is_harmless,
    lost_error,
    opening_error,
    refusal_code,
    rejected_configuration,
    warning,
)
from bridge.model.wire import Refused
from bridge.ports.model_event import ModelWarning

F = ModelFailure


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (401, "", F.AUTH),
        (401, "invalid_api_key", F.AUTH),
        (403, "", F.AUTH),
        (429, "", F.RATE_LIMITED),
        (429, "rate_limit_exceeded", F.RATE_LIMITED),
        (429, "insufficient_quota", F.QUOTA),
        (429, "billing_hard_limit_reached", F.QUOTA),
        (400, "account_deactivated", F.AUTH),
        (400, "invalid_value", F.CONFIG_REJECTED),
        (404, "model_not_found", F.CONFIG_REJECTED),
        (408, "", F.UNAVAILABLE),
        (301, "", F.UNAVAILABLE),
        (500, "server_error", F.UNAVAILABLE),
        (502, "", F.UNAVAILABLE),
        (503, "", F.UNAVAILABLE),
    ],
)
def test_http_answer_is_classified(status: int, code: str, failure: ModelFailure) -> None:
    body = b'{"error":{"code":"%b","message":"Your key sk-1 is bad"}}' % code.encode()
    upgrade = InvalidStatus(Response(status, "", Headers(), body))
    for error in (http_error(status, refusal_code(body)), opening_error(upgrade)):
        assert error.failure is failure
        assert "sk-1" not in str(error)
        assert str(status) in error.detail


def test_http_answer_without_json_is_classified_by_its_status() -> None:
    upgrade = InvalidStatus(Response(502, "", Headers(), b"<html>"))
    assert opening_error(upgrade).failure is F.UNAVAILABLE


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionRefusedError(),
        OSError(),
        aiohttp.ServerDisconnectedError(),
        ConnectionClosedError(None, None),
        ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True),
        ValueError("an address that is none"),
    ],
)
def test_no_answer_is_unavailable(error: Exception) -> None:
    assert opening_error(error).failure is F.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("invalid_value", F.CONFIG_REJECTED),
        ("unrecognised", F.CONFIG_REJECTED),
        ("insufficient_quota", F.QUOTA),
        ("invalid_api_key", F.AUTH),
        ("rate_limit_exceeded", F.RATE_LIMITED),
        ("server_error", F.UNAVAILABLE),
    ],
)
def test_refused_configuration_is_classified(code: str, failure: ModelFailure) -> None:
    error = rejected_configuration(Refused(code, "session.audio.output.voice", None))
    assert (error.failure, error.detail) == (failure, f"{code} session.audio.output.voice")


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("insufficient_quota", F.QUOTA),
        ("billing_hard_limit_reached", F.QUOTA),
        ("invalid_api_key", F.AUTH),
        ("account_deactivated", F.AUTH),
        ("session_expired", F.SESSION_EXPIRED),
        ("rate_limit_exceeded", None),
        ("server_error", None),
        ("conversation_already_has_active_response", None),
        ("", None),
    ],
)
def test_only_some_codes_end_an_open_session(code: str, failure: ModelFailure | None) -> None:
    error = fatal_error(code)
    assert (error and error.failure) == failure


def refused(code: str, what: Command | None = None, tag: str = "") -> Refused:
    return Refused(code, "", EventId(what, 1, tag) if what else None)


def test_refusal_of_what_came_too_late_is_harmless() -> None:
    assert is_harmless(refused("response_cancel_not_active"))
    assert is_harmless(refused("invalid_value", Command.TRUNCATE))
    assert is_harmless(refused("item_delete_invalid_item_id", Command.DELETE))
    assert is_harmless(refused("anything", Command.CANCEL))
    assert not is_harmless(refused("invalid_value", Command.RESPOND))
    assert not is_harmless(refused("invalid_value"))


def test_warning_names_what_was_refused() -> None:
    active = "conversation_already_has_active_response"
    assert warning(refused(active, Command.RESPOND, "silence-1")) == ModelWarning(
        active, "response.create refused", "silence-1"
    )
    assert warning(Refused("invalid_value", "audio", None)) == ModelWarning(
        "invalid_value", "refused: audio", None
    )


@pytest.mark.parametrize(
    ("closed", "past_limit", "failure", "detail"),
    [
        (ConnectionClosedOK(Close(1001, "Your session"), None), True, F.SESSION_EXPIRED, "1001"),
        (ConnectionClosedOK(Close(1001, ""), None), False, F.LOST, "1001"),
        (ConnectionClosedOK(Close(1000, ""), None), True, F.LOST, "1000"),
        (ConnectionClosedError(Close(1011, ""), None), True, F.LOST, "1011"),
        (ConnectionClosedError(None, Close(1011, "")), False, F.LOST, "by us, 1011"),
        (ConnectionClosedError(None, None), False, F.LOST, "abnormally"),
    ],
)
def test_closed_socket_is_classified(
    closed: ConnectionClosedError | ConnectionClosedOK,
    past_limit: bool,
    failure: ModelFailure,
    detail: str,
) -> None:
    error = lost_error(closed, past_limit=past_limit)
    assert (error.failure, error.detail) == (failure, f"closed {detail}")
