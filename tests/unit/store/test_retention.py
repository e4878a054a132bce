"""Nothing sensitive is kept that may not be, whatever a call, its events and its report hold."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from bridge.ids import TenantId
from bridge.messages.convert import report as report_message
from bridge.messages.keeping import kept_event
from bridge.messages.sensitive import is_map, is_sensitive, is_spoken
from bridge.ports.report import CallReport, Turn
from bridge.ports.store import LoggedEvent
from bridge.ports.tool import ToolCallId, ToolStatus, ToolUse
from bridge.retention import Retention, RetentionRules, tightest
from bridge.store.rows import kept_report
from bridge.v1 import event_pb2, report_pb2
from tests.fakes.agents import SPEC
from tests.unit.store.calls import over, report, view

MARK = "\u2665 said"
NEEDED = {True: Retention.TRANSCRIPT, False: Retention.ALL}


def sensitive_texts(message: Message) -> Iterator[tuple[FieldDescriptor, str]]:
    for field, value in message.ListFields():
        if is_sensitive(field):
            yield from ((field, text) for text in (value.values() if is_map(field) else (value,)))
        elif field.message_type is not None and not is_map(field):
            for child in value if field.is_repeated else (value,):
                yield from sensitive_texts(child)


def fill(message: Message, depth: int = 4) -> None:
    """Put the mark into every text of a message, at any depth."""
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, MARK)
        elif (kind := field.message_type) is not None and depth:
            if kind.GetOptions().map_entry:
                continue
            part = getattr(message, field.name)
            fill(part.add() if field.is_repeated else part, depth - 1)


def sensitive_fields(kind: Descriptor) -> Iterator[str]:
    for field in kind.fields:
        if is_sensitive(field):
            yield field.full_name
        elif field.message_type is not None and not is_map(field):
            yield from sensitive_fields(field.message_type)


def wordy_report(retention: Retention) -> CallReport:
    """Return a report in which every sensitive field says something."""
    ended = over(view(retention=retention))
    limits = replace(ended.spec.limits, time_exceeded_text="Time is up.")
    ended = replace(ended, spec=replace(ended.spec, limits=limits))
    use = ToolUse(ToolCallId("c"), "find", ToolStatus.FAILED, "x", 1.0, private_detail="no car")
    turn = Turn(1, SPEC.created_at, user_text="Hello?", agent_text="Good day.", tools=(use,))
    return replace(report(ended), turns=(turn,))


def every_kind() -> list[str]:
    return [field.name for field in event_pb2.CallEvent.DESCRIPTOR.oneofs_by_name["kind"].fields]


def full_event(kind: str) -> event_pb2.CallEvent:
    message = event_pb2.CallEvent(connection_id="call-1", sequence=7)
    part = getattr(message, kind)
    part.SetInParent()
    fill(part)
    return message


@pytest.mark.parametrize("retention", Retention)
@pytest.mark.parametrize("kind", every_kind())
def test_of_every_event_just_what_may_be_kept_is_kept(kind: str, retention: Retention) -> None:
    full = full_event(kind)
    event = LoggedEvent("call-1", 7, kind == "ended", full.SerializeToString())  # type: ignore[arg-type]
    kept = event_pb2.CallEvent.FromString(kept_event(event, retention).payload)
    assert (kept.WhichOneof("kind"), kept.sequence) == (kind, 7)
    allowed = [
        field.full_name
        for field, _ in sensitive_texts(full)
        if retention.keeps(NEEDED[is_spoken(field)])
    ]
    assert [field.full_name for field, _ in sensitive_texts(kept)] == allowed


@pytest.mark.parametrize("retention", Retention)
def test_of_a_report_just_what_may_be_kept_is_kept(retention: Retention) -> None:
    whole = wordy_report(retention)
    full, kept = report_message(whole), report_message(kept_report(whole))
    marked = list(sensitive_texts(full))
    filled = {field.full_name for field, _ in marked}
    assert filled == set(sensitive_fields(report_pb2.CallReport.DESCRIPTOR)), "nothing is left out"
    allowed = [one for one in marked if retention.keeps(NEEDED[is_spoken(one[0])])]
    assert list(sensitive_texts(kept)) == allowed


def test_who_has_a_say_can_only_tighten() -> None:
    assert tightest(Retention.ALL, None, Retention.METADATA, Retention.TRANSCRIPT) is (
        Retention.METADATA
    )
    assert tightest(None) is Retention.ALL
    rules = RetentionRules(
        Retention.METADATA,
        {TenantId("acme"): Retention.ALL, TenantId("globex"): Retention.NONE},
    )
    assert rules.of(TenantId("acme")) is Retention.METADATA
    assert rules.of(TenantId("globex")) is Retention.NONE
    assert rules.of(TenantId("other")) is Retention.METADATA
