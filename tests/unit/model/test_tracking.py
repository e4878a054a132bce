"""Responses and sound under way are known for what they are."""

import asyncio

from bridge.model.outbox import AudioOutbox
from bridge.model.tracking import ReceivedAudio, Responses
from bridge.ports.model_event import AudioDelta


def delta(pcm: bytes, item_id: str = "item_1") -> AudioDelta:
    return AudioDelta("resp_1", item_id, 0, pcm)


def test_cancel_names_what_is_active() -> None:
    responses = Responses()
    responses.started("resp_1", None)
    assert responses.cancel(None) == ["resp_1"]
    assert responses.cancel("resp_1") == ["resp_1"]


def test_cancel_of_what_is_over_names_nothing() -> None:
    responses = Responses()
    responses.started("resp_1", None)
    assert responses.over("resp_1", None)
    assert responses.cancel(None) == []
    assert responses.cancel("resp_1") == []


def test_cancel_before_the_beginning_is_kept_until_then() -> None:
    responses = Responses()
    responses.requested("greeting")
    assert responses.cancel(None) == []
    assert responses.started("resp_1", "greeting")


def test_cancel_does_not_reach_what_is_asked_for_later() -> None:
    responses = Responses()
    responses.requested("greeting")
    responses.cancel(None)
    responses.refused("greeting")
    responses.requested("greeting")
    assert not responses.started("resp_1", "greeting")


def test_end_without_beginning_is_noticed() -> None:
    assert not Responses().over("resp_1", "greeting")


def test_half_a_sample_waits_for_its_rest() -> None:
    received = ReceivedAudio()
    first, second = received.add(delta(b"abc")), received.add(delta(b"def"))
    assert (first, second) == (delta(b"ab"), delta(b"cdef"))


def test_half_a_sample_does_not_leak_into_the_next_item() -> None:
    received = ReceivedAudio()
    received.add(delta(b"abc"))
    assert received.add(delta(b"de", "item_2")) == delta(b"de", "item_2")


def test_delta_without_a_whole_sample_is_nothing() -> None:
    received = ReceivedAudio()
    assert received.add(delta(b"")) is None
    assert received.add(delta(b"a")) is None
    assert received.total_ms == 0


def test_truncation_stays_within_the_item() -> None:
    received = ReceivedAudio()
    received.add(delta(bytes(4800)))
    received.add(delta(bytes(48_000), "item_2"))
    assert received.clamp_ms("item_1", 0, 500) == 100
    assert received.clamp_ms("item_1", 0, 70) == 70
    assert received.clamp_ms("item_1", 0, -5) == 0
    assert received.clamp_ms("item_2", 0, 500) == 500
    assert received.clamp_ms("unknown", 0, 500) == 500


def test_only_recent_items_are_remembered() -> None:
    received = ReceivedAudio()
    for number in range(100):
        received.add(delta(bytes(48), f"item_{number}"))
    assert len(received._item_bytes) == 16
    assert received.clamp_ms("item_99", 0, 500) == 1


async def test_full_outbox_drops_the_oldest() -> None:
    outbox = AudioOutbox(capacity_ms=40)
    for number in range(5):
        outbox.put_nowait(bytes([number]) * 960)
    assert (outbox.queued_ms, outbox.dropped_ms) == (40, 60)
    assert await outbox.take() == bytes([3]) * 960


async def test_audio_wakes_whoever_waits_for_it() -> None:
    outbox = AudioOutbox(capacity_ms=40)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        taking = tasks.create_task(outbox.take())
        await asyncio.sleep(0)
        outbox.put_nowait(bytes(960))
    assert taking.result() == bytes(960)


async def test_outbox_counts_as_queued_what_is_on_its_way() -> None:
    outbox = AudioOutbox(capacity_ms=40)
    outbox.put_nowait(bytes(960))
    await outbox.take()
    assert (outbox.queued_ms, outbox.sent_ms) == (20, 0)
    outbox.sent()
    assert (outbox.queued_ms, outbox.sent_ms) == (0, 20)


def test_outbox_keeps_the_newest_of_a_chunk_that_does_not_fit() -> None:
    outbox = AudioOutbox(capacity_ms=20)
    outbox.put_nowait(bytes(960) + b"\x01" * 960)
    assert (outbox.queued_ms, outbox.dropped_ms) == (20, 20)


def test_outbox_copies_what_it_is_given() -> None:
    outbox = AudioOutbox(capacity_ms=20)
    buffer = bytearray(960)
    outbox.put_nowait(memoryview(buffer))
    buffer[0] = 1
    assert outbox._chunks[0] == bytes(960)


def test_discarded_audio_counts_as_dropped() -> None:
    outbox = AudioOutbox(capacity_ms=40)
    outbox.put_nowait(bytes(960))
    outbox.discard()
    assert (outbox.queued_ms, outbox.dropped_ms) == (0, 20)
