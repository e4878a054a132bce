"""How spans of time and addresses are written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.addresses import as_http_url, is_local
from bridge.durations import parse_duration_s, write_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("0", 0), ("1.5h", 5400), ("5 m", 300)],
)
def test_spans_of_time_are_read_as_people_write_them(written: str, seconds: float) -> None:
    assert parse_duration_s(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "-1", "1d", "1h30m", "1e3", "\u0663s", True, None, float("nan"), -1, []]
)
def test_what_is_no_span_of_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="span of time"):
        parse_duration_s(written)


@given(st.integers(0, 10**6))
def test_a_written_span_of_time_reads_back(seconds: int) -> None:
    assert parse_duration_s(write_duration(seconds)) == seconds


@given(st.text())
def test_an_address_is_local_or_not_or_refused(address: str) -> None:
    with contextlib.suppress(ValueError):
        assert is_local(address) in {True, False}


def test_urls_can_be_turned_into_http() -> None:
    assert as_http_url("wss://livekit.example/x") == "https://livekit.example/x"
