"""Is a way into the room read from what a gateway answers, and nonsense refused by name?"""

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli.join import Ticket, UnusableTicket, ticket_from
from bridge.cli.main import main
from bridge.demo.stack import SPEECH

ANSWER = {"connectionId": "call-1", "serverUrl": "ws://127.0.0.1:1", "accessToken": "secret"}


def test_the_answer_of_create_room_is_a_way_in() -> None:
    assert ticket_from([json.dumps(ANSWER)]) == Ticket("ws://127.0.0.1:1", "secret")


def test_nothing_is_read_behind_the_answer_and_what_stands_before_it_means_nothing() -> None:
    lines = iter(["\x1b[0mbuilding\n", *json.dumps(ANSWER, indent=1).splitlines(), "more", "{"])
    assert ticket_from(lines) == Ticket("ws://127.0.0.1:1", "secret")
    assert list(lines) == ["more", "{"]


def test_an_answer_without_end_is_given_up() -> None:
    with pytest.raises(UnusableTicket):
        ticket_from(itertools.chain("{", itertools.repeat(" " * 1000)))


@pytest.mark.parametrize("missing", ["serverUrl", "accessToken"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_a_field_that_is_missing_is_named(missing: str, value: object) -> None:
    with pytest.raises(UnusableTicket, match=missing):
        ticket_from([json.dumps({**ANSWER, missing: value})])


@pytest.mark.parametrize("text", ["", "Agent not found", '["secret"]'])
def test_what_is_no_answer_is_refused_without_repeating_it(text: str) -> None:
    result = CliRunner().invoke(main, ["join", "--wav", str(SPEECH)], input=text)
    assert result.exit_code == 1
    assert "standard input" in result.output
    assert "secret" not in result.output


def test_a_room_that_cannot_be_reached_is_said_so(tmp_path: Path) -> None:
    arguments = ["join", "--wav", str(SPEECH), "--out", str(tmp_path / "out.wav")]
    result = CliRunner().invoke(main, arguments, input=json.dumps(ANSWER))
    assert result.exit_code == 1
    assert "could not join" in result.output
    assert "secret" not in result.output
