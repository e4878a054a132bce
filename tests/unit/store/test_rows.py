"""What one release has stored, later ones read."""

import json
from pathlib import Path

from bridge.messages.values import encode
from bridge.ports.call import CallState, EndReason
from bridge.retention import Retention
from bridge.store.rows import kept_report, report_of, searchable
from tests.unit.store.test_retention import wordy_report

# As it was stored when there was a store first. It stays as it is: stores are full of such.
STORED = (Path(__file__).parent / "stored_report.json").read_bytes()


def test_report_of_the_first_release_is_read() -> None:
    report = report_of(STORED)
    assert report.complete
    assert (report.view.state, report.view.spec.connection_id) == (CallState.ENDED, "call-1")
    assert report.view.ending is not None
    assert report.view.ending.reason is EndReason.API_ENDED
    (turn,) = report.turns
    assert (turn.user_text, turn.tools[0].private_detail) == ("Hello?", "no car")


def test_field_that_is_not_known_any_more_is_no_trouble() -> None:
    fields = json.loads(STORED)
    fields["gone"] = {"$type": "Nothing"}
    fields["view"]["spec"]["agent"]["gone"] = 7
    assert report_of(json.dumps(fields).encode()) == report_of(STORED)


def test_field_that_came_later_has_its_default() -> None:
    fields = json.loads(STORED)
    del fields["view"]["spec"]["retention"], fields["tools"], fields["view"]["usage"]
    assert report_of(json.dumps(fields).encode()) == report_of(STORED)


def test_what_may_be_kept_comes_back_as_it_went() -> None:
    for retention in Retention:
        kept = kept_report(wordy_report(retention))
        assert report_of(encode(kept)) == kept


def test_searched_text_holds_nothing_that_a_database_refuses() -> None:
    assert searchable("a\0b") == "a\ufffdb"
    assert searchable("\U0001f600 %") == "\U0001f600 %"
