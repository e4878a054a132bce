"""Which status a refusal is, and what programs can read out of it."""

from typing import cast

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from bridge.api.status import code_of, details_of
from bridge.errors import (
    AlreadyExists,
    Exhausted,
    FieldViolation,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutOfRange,
    Refusal,
    Unauthenticated,
    Unavailable,
    WrongState,
)
from bridge.ports.store import EventsTrimmed

Code = grpc.StatusCode
REFUSALS = [
    (
        InvalidRequest([FieldViolation("a.b", "bad"), FieldViolation("c", "")]),
        Code.INVALID_ARGUMENT,
    ),
    (Unauthenticated("NO_CREDENTIALS", "who?", "for the log"), Code.UNAUTHENTICATED),
    (Forbidden("MISSING_SCOPE", "no", {"scope": "admin"}), Code.PERMISSION_DENIED),
    (NotFound("CALL_NOT_FOUND", "no such call", {"connection_id": "x"}), Code.NOT_FOUND),
    (AlreadyExists("ROOM_TAKEN", "taken"), Code.ALREADY_EXISTS),
    (WrongState("CALL_ENDED", "over"), Code.FAILED_PRECONDITION),
    (OutOfRange("OUT", "of range"), Code.OUT_OF_RANGE),
    (EventsTrimmed(7), Code.OUT_OF_RANGE),
    (Exhausted("NO_FREE_SLOT", "full", 5.0, {"limit": "slots"}), Code.RESOURCE_EXHAUSTED),
    (Unavailable("LIVEKIT_UNAVAILABLE", "away", 2.5), Code.UNAVAILABLE),
]


def status_of(refusal: Refusal) -> status_pb2.Status:
    return cast("status_pb2.Status", status_pb2.Status.FromString(details_of(refusal)))


@pytest.mark.parametrize(("refusal", "code"), REFUSALS)
def test_every_refusal_has_its_code_and_says_why(refusal: Refusal, code: grpc.StatusCode) -> None:
    assert code_of(refusal) is code
    status = status_of(refusal)
    assert (status.code, status.message) == (code.value[0], refusal.message)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == (refusal.reason, "mediabridge")
    assert dict(info.metadata) == refusal.metadata


def test_every_kind_of_refusal_has_a_row() -> None:
    assert {type(refusal) for refusal, _ in REFUSALS} >= {
        kind for kind in Refusal.__subclasses__() if not kind.__name__.startswith("_")
    }


def test_wrong_fields_are_named() -> None:
    bad = error_details_pb2.BadRequest()
    assert status_of(REFUSALS[0][0]).details[1].Unpack(bad)
    assert [(one.field, one.description) for one in bad.field_violations] == [
        ("a.b", "bad"),
        ("c", ""),
    ]


@pytest.mark.parametrize(("index", "millis"), [(-2, 5000), (-1, 2500)])
def test_refusals_that_pass_say_when_to_try_again(index: int, millis: int) -> None:
    retry = error_details_pb2.RetryInfo()
    assert status_of(REFUSALS[index][0]).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == millis


def test_refusals_that_stay_say_nothing_of_trying_again() -> None:
    for refusal, _ in REFUSALS[1:-2]:
        assert len(status_of(refusal).details) == 1
