"""Does a refusal arrive with all that the server said about it?"""

import socket
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2

from bridge.client import (
    AlreadyExistsError,
    BridgeCallError,
    BridgeClient,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from bridge.client.errors import error_from
from tests.unit.client.fake_bridge import FakeBridge, Refuse, error_info, retry_info


def refusing(refused: Refuse) -> object:
    def answer(_request: object) -> object:
        raise refused

    return answer


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgumentError),
        (grpc.StatusCode.NOT_FOUND, NotFoundError),
        (grpc.StatusCode.ALREADY_EXISTS, AlreadyExistsError),
        (grpc.StatusCode.FAILED_PRECONDITION, FailedPreconditionError),
        (grpc.StatusCode.OUT_OF_RANGE, OutOfRangeError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhaustedError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDeniedError),
        (grpc.StatusCode.INTERNAL, BridgeCallError),
    ],
)
async def test_each_status_has_its_class(
    bridge: BridgeClient, fake: FakeBridge, code: grpc.StatusCode, kind: type[BridgeCallError]
) -> None:
    fake.answers["GetStats"] = refusing(Refuse(code, "because"))  # type: ignore[assignment]
    with pytest.raises(kind) as caught:
        await bridge.stats()
    assert type(caught.value) is kind
    assert caught.value.code is code
    assert caught.value.message == "because"


async def test_an_error_carries_reason_domain_and_metadata(
    bridge: BridgeClient, fake: FakeBridge
) -> None:
    refused = Refuse(
        grpc.StatusCode.NOT_FOUND, "no such agent", [error_info("AGENT_NOT_FOUND", agent_id="x")]
    )
    fake.answers["CreateRoom"] = refusing(refused)  # type: ignore[assignment]
    with pytest.raises(NotFoundError) as caught:
        await bridge.create_room("Ada", "x")
    assert caught.value.reason == "AGENT_NOT_FOUND"
    assert caught.value.domain == "mediabridge"
    assert caught.value.metadata == {"agent_id": "x"}
    assert str(caught.value) == "NOT_FOUND (AGENT_NOT_FOUND): no such agent"


async def test_field_violations_are_named(bridge: BridgeClient, fake: FakeBridge) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="agent.speed", description="too fast"
    )
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    refused = Refuse(grpc.StatusCode.INVALID_ARGUMENT, "bad", [error_info("INVALID_REQUEST"), bad])
    fake.answers["CreateRoom"] = refusing(refused)  # type: ignore[assignment]
    with pytest.raises(InvalidArgumentError) as caught:
        await bridge.create_room("Ada", "x")
    assert caught.value.violations == (FieldViolation("agent.speed", "too fast"),)


async def test_retry_after_is_a_span(bridge: BridgeClient, fake: FakeBridge) -> None:
    refused = Refuse(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "full", [error_info("NO_SLOT"), retry_info(3)]
    )
    fake.answers["CreateRoom"] = refusing(refused)  # type: ignore[assignment]
    with pytest.raises(ResourceExhaustedError) as caught:
        await bridge.create_room("Ada", "x")
    assert caught.value.retry_after == timedelta(seconds=3)


async def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        async with BridgeClient(f"127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(UnavailableError) as caught:
                await client.stats()
    assert caught.value.reason == ""
    assert caught.value.retry_after is None


async def test_details_that_are_no_status_are_ignored() -> None:
    failure = grpc.aio.AioRpcError(
        grpc.StatusCode.NOT_FOUND,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff")),
        details="gone",
    )
    error = error_from(failure)
    assert isinstance(error, NotFoundError)
    assert (error.message, error.reason) == ("gone", "")
