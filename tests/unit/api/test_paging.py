"""Tokens of pages: they fit the filters they were given for, and nothing else."""

import base64
from datetime import UTC, datetime

import pytest

from bridge.api import paging
from bridge.errors import InvalidRequest
from bridge.ids import ConnectionId
from bridge.ports.placement import CallPosition
from bridge.v1 import call_service_pb2

CALL = CallPosition(datetime(2026, 11, 24, 1, 2, 3, 456_789, tzinfo=UTC), ConnectionId("call-1"))


def asking(token: str = "", **filters: object) -> call_service_pb2.ListCallsRequest:
    return call_service_pb2.ListCallsRequest(page_token=token, **filters)  # type: ignore[arg-type]


def test_first_page_begins_at_the_newest() -> None:
    assert paging.position(asking()) is None


def test_token_leads_back_to_its_call_whatever_the_page_s_size() -> None:
    token = paging.token(asking(tenant_id="acme", page_size=5), CALL)
    assert paging.position(asking(token, tenant_id="acme", page_size=50)) == CALL


@pytest.mark.parametrize(
    "filters",
    [{}, {"tenant_id": "b"}, {"agent_id": "a"}, {"metadata": {"k": "v"}}, {"states": [1]}],
)
def test_token_of_other_filters_is_refused(filters: dict[str, object]) -> None:
    token = paging.token(asking(tenant_id="a"), CALL)
    with pytest.raises(InvalidRequest) as refused:
        paging.position(asking(token, **filters))
    assert refused.value.violations[0].field == "page_token"


@pytest.mark.parametrize(
    "token",
    [
        *("?", "é", "AAAA", "a" * 9, "="),
        base64.urlsafe_b64encode(b"\xff" * 20).decode(),
        # A time that no calendar has.
        base64.urlsafe_b64encode(paging._digest(asking()) + b"\xff" * 8 + b"call-1").decode(),
    ],
)
def test_anything_else_is_no_token(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        paging.position(asking(token))
    assert refused.value.violations[0].field == "page_token"
