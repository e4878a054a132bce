"""Events come to their tenant's endpoint: in order of each call, again until they are taken."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import pytest

from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.ports.call import CallState, CallView
from bridge.ports.event import CallEvent, Ended, EventKind, StateChanged, Warned
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes
from bridge.ports.webhook import Progress
from bridge.store.erasing import MemoryEraser
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.store.webhooks import MemoryWebhooks
from bridge.webhooks import courier
from bridge.webhooks.endpoints import Endpoint
from bridge.webhooks.outbox import HeardEvents, Outbox
from bridge.webhooks.sending import Answer
from bridge.workers.directory import MemoryDirectory
from tests.fakes.agents import numbered
from tests.fakes.clock import FakeClock, settle
from tests.fakes.webhooks import DOWN, TAKEN, FakeEndpoints, FakeSender

HOST, EPOCH = HostId("host-a"), Epoch(1)
ONE, TWO = ConnectionId("call-1"), ConnectionId("call-2")
SHOP = Endpoint("shop", "https://shop.example/hook", b"k" * 32)
GIVE_UP_S = 3600.0


class Scene:
    """Calls whose events are told, and an endpoint that may take them."""

    def __init__(self, endpoint: Endpoint = SHOP) -> None:
        self.clock = FakeClock()
        self.directory = MemoryDirectory(ended_calls=10)
        self.log = MemoryEventLog(events_per_call=100, ended_calls=10)
        self.ledger = MemoryWebhooks()
        self.sender = FakeSender()
        self.endpoints = FakeEndpoints(acme=endpoint)
        self.events: HeardEvents
        self.outbox: Outbox

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """Let a server live for as long as the context lasts."""
        async with Outbox(
            self.endpoints,
            directory=self.directory,
            events=self.log,
            ledger=self.ledger,
            sender=self.sender,
            clock=self.clock,
            give_up_s=GIVE_UP_S,
        ) as self.outbox:
            self.events = self.outbox.of_events()
            yield

    async def begin(
        self, number: int = 1, tenant: str = "acme", webhooks: frozenset[str] | None = None
    ) -> None:
        spec = replace(numbered(number), tenant_id=TenantId(tenant), webhooks=webhooks)
        await self.directory.add(Placed(CallView(spec, HOST), HOST, EPOCH))

    async def tell(
        self, *sequences: int, call: ConnectionId = ONE, kind: EventKind | None = None
    ) -> None:
        for sequence in sequences:
            told = kind or Warned("n", str(sequence))
            await self.events.append(CallEvent(call, sequence, self.now, 0.0, told))
        await self.clock.advance(0.05)

    async def end(self, sequence: int, call: ConnectionId = ONE) -> None:
        placed = await self.directory.get(call)
        assert placed is not None
        view = replace(placed.view, state=CallState.ENDED)
        await self.directory.update(view, EPOCH)
        report = CallReport(view, True, SetupTimes(), (), None, 0.0, MediaTotals(), ())
        await self.tell(sequence, call=call, kind=Ended(report))

    @property
    def now(self) -> datetime:
        return self.clock.now()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    running = Scene()
    async with running.life():
        yield running


async def test_events_of_a_call_come_in_their_order(scene: Scene) -> None:
    await scene.begin()
    await scene.tell(1, 2, 3)
    await scene.tell(4)
    await scene.end(5)
    assert scene.sender.of(ONE) == [1, 2, 3, 4, 5]
    assert scene.outbox.waiting == 0
    await scene.clock.advance(1)
    assert await scene.ledger.unfinished() == []


async def test_tenant_without_an_endpoint_is_sent_nothing(scene: Scene) -> None:
    await scene.begin(tenant="other")
    await scene.tell(1, 2)
    assert scene.sender.asked == []
    assert scene.outbox.waiting == 0


async def test_endpoint_gets_the_kinds_that_it_wants() -> None:
    scene = Scene(replace(SHOP, kinds=frozenset({"state_changed", "ended"})))
    async with scene.life():
        await scene.begin()
        await scene.tell(1, kind=StateChanged(CallState.CREATED, None))
        await scene.tell(2, 3)
        await scene.end(4)
    assert scene.sender.asked == [(ONE, 1), (ONE, 4)]


async def test_what_is_not_taken_comes_again_before_what_follows(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda _, sequence: DOWN if sequence == 2 else TAKEN
    await scene.tell(1, 2, 3)
    assert scene.sender.asked == [(ONE, 1), (ONE, 2)]
    await scene.clock.advance(0.5)
    assert len(scene.sender.asked) == 2
    await scene.clock.advance(1)
    assert scene.sender.asked[2:] == [(ONE, 2)]
    scene.sender.answer = lambda *_: TAKEN
    await scene.clock.advance(60)
    assert scene.sender.of(ONE) == [1, 2, 3]


async def test_pauses_grow(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda *_: DOWN
    await scene.tell(1)
    at = []
    for _ in range(600):
        before = len(scene.sender.asked)
        await scene.clock.advance(0.5)
        at += [scene.clock.monotonic_s()] * (len(scene.sender.asked) - before)
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert len(at) < 12
    assert pauses == sorted(pauses)


async def test_call_that_is_not_taken_holds_up_no_other(scene: Scene) -> None:
    await scene.begin(1)
    await scene.begin(2)
    no = Answer("http 400", rejected=True)
    scene.sender.answer = lambda call, _: no if call == ONE else TAKEN
    await scene.tell(1)
    await scene.tell(1, 2, call=TWO)
    assert scene.sender.of(TWO) == [1, 2]


async def test_what_the_endpoint_rejects_again_and_again_is_a_dead_letter(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda _, sequence: (
        Answer("http 422", rejected=True) if sequence == 2 else TAKEN
    )
    await scene.tell(1, 2, 3)
    await scene.clock.advance(120)
    assert scene.sender.of(ONE) == [1, 3], "the rest follows"
    (letter,) = await scene.ledger.dead()
    assert (letter.endpoint, letter.connection_id, letter.sequence) == ("shop", ONE, 2)
    assert (letter.kind, letter.error, letter.attempts) == ("warning", "http 422", 5)
    assert letter.tenant_id == "acme"


async def test_endpoint_that_is_gone_is_not_pressed(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda *_: Answer("http 410", rejected=True, gone=True)
    await scene.tell(1)
    assert [one.sequence for one in await scene.ledger.dead()] == [1]
    assert scene.sender.asked == [(ONE, 1)]


async def test_what_is_too_old_and_not_taken_is_a_dead_letter(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda *_: DOWN
    await scene.tell(1, 2)
    await scene.clock.advance(GIVE_UP_S - 60)
    assert await scene.ledger.dead() == []
    await scene.clock.advance(1200)
    assert [one.sequence for one in await scene.ledger.dead()] == [1, 2]


async def test_dead_endpoint_is_asked_rarely_however_many_calls_wait(scene: Scene) -> None:
    scene.sender.answer = lambda *_: DOWN
    for number in range(1, 101):
        await scene.begin(number)
        await scene.tell(1, call=ConnectionId(f"call-{number}"))
    await scene.clock.advance(600)
    assert len(scene.sender.asked) < 60
    scene.sender.answer = lambda *_: TAKEN
    await scene.clock.advance(700)
    assert len(scene.sender.taken) == 100


async def test_next_life_goes_on_where_the_earlier_one_was() -> None:
    scene = Scene()
    async with scene.life():
        await scene.begin()
        await scene.tell(1, 2)
        scene.sender.answer = lambda *_: DOWN
        await scene.tell(3, 4)
    scene.sender.answer = lambda *_: TAKEN
    async with scene.life():
        await settle()
        assert scene.sender.of(ONE) == [1, 2, 3, 4]
        await scene.end(5)
        assert scene.sender.of(ONE) == [1, 2, 3, 4, 5]
    assert await scene.ledger.unfinished() == [], "kept on leaving"


async def test_call_that_was_told_to_its_end_is_not_taken_up_again() -> None:
    scene = Scene()
    async with scene.life():
        await scene.begin()
        await scene.end(1)
    await scene.ledger.note([Progress("shop", ONE, 1)])
    async with scene.life():
        await settle()
        assert scene.sender.asked == [(ONE, 1)]
        assert await scene.ledger.unfinished() == []


async def test_what_the_log_has_forgotten_is_a_dead_letter_and_the_rest_comes(
    scene: Scene,
) -> None:
    await scene.begin()
    scene.sender.answer = lambda *_: DOWN
    await scene.tell(*range(1, 151))
    scene.sender.answer = lambda *_: TAKEN
    await scene.clock.advance(30)
    assert scene.sender.of(ONE) == list(range(51, 151))
    (letter,) = await scene.ledger.dead()
    assert (letter.sequence, letter.error) == (1, "no longer kept")


async def test_calls_that_wait_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "MOST_CALLS", 3)
    scene.sender.answer = lambda *_: DOWN
    for number in range(1, 6):
        await scene.begin(number)
        await scene.tell(1, call=ConnectionId(f"call-{number}"))
    assert scene.outbox.waiting == 3
    assert [one.connection_id for one in await scene.ledger.dead()] == ["call-1", "call-2"]


async def test_endpoint_that_is_taken_out_of_the_file_is_left_alone(scene: Scene) -> None:
    await scene.begin()
    scene.sender.answer = lambda *_: DOWN
    await scene.tell(1)
    scene.endpoints.of_tenants.clear()
    asked = len(scene.sender.asked)
    await scene.clock.advance(600)
    assert len(scene.sender.asked) == asked
    await scene.tell(2)
    assert len(scene.sender.asked) == asked


async def test_telling_never_waits_for_an_endpoint() -> None:
    scene = Scene()
    hanging = asyncio.Event()

    class Hanging(FakeSender):
        async def send(self, *_: object) -> Answer:
            await hanging.wait()
            return TAKEN

    scene.sender = Hanging()
    async with scene.life():
        await scene.begin()
        await scene.tell(*range(1, 50))
        assert await scene.log.last_sequence(ONE) == 49
        hanging.set()


async def test_defect_over_one_event_holds_up_its_call_alone(scene: Scene) -> None:
    def answer(call: ConnectionId, _: int) -> Answer:
        if call == ONE:
            raise ValueError("a defect")
        return TAKEN

    scene.sender.answer = answer
    await scene.begin(1)
    await scene.begin(2)
    await scene.tell(1)
    await scene.tell(1, 2, call=TWO)
    assert scene.sender.of(TWO) == [1, 2]
    scene.sender.answer = lambda *_: TAKEN
    await scene.clock.advance(10)
    assert scene.sender.of(ONE) == [1]


async def test_server_that_is_killed_sends_again_at_most_the_last_second() -> None:
    scene = Scene()
    async with scene.life():
        await scene.begin()
        await scene.tell(1, 2)
        await scene.clock.advance(1)
        await scene.tell(3)
        (kept,) = await scene.ledger.unfinished()
        assert kept.delivered == 2


async def test_ledger_that_does_not_answer_is_told_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = scene.ledger.note

    async def unavailable(_: object) -> None:
        raise Unavailable("STORE_UNAVAILABLE", "no answer", 1.0)

    monkeypatch.setattr(scene.ledger, "note", unavailable)
    await scene.begin()
    await scene.tell(1, 2)
    await scene.clock.advance(3)
    assert scene.sender.of(ONE) == [1, 2], "that costs nobody an event"
    monkeypatch.setattr(scene.ledger, "note", note)
    await scene.clock.advance(1)
    assert [one.delivered for one in await scene.ledger.unfinished()] == [2]


async def test_nothing_more_is_sent_or_noted_of_an_erased_call(scene: Scene) -> None:
    await scene.begin(1)
    await scene.begin(2)
    scene.sender.answer = lambda call, sequence: DOWN if (call, sequence) == (ONE, 2) else TAKEN
    await scene.tell(1, 2)
    await scene.end(3)
    await scene.tell(1, call=TWO)
    await scene.clock.advance(1)
    memory = MemoryEraser(scene.directory, scene.log, MemoryStore(reports=1), scene.ledger)
    erased = await scene.outbox.of_eraser(memory).erase(ONE)
    assert (erased.events, erased.webhooks) == (3, 1)
    scene.sender.answer = lambda *_: TAKEN
    await scene.clock.advance(60)
    assert scene.sender.of(ONE) == [1]
    assert scene.sender.of(TWO) == [1]
    assert await scene.ledger.unfinished() == [Progress("shop", TWO, 1)]
    assert await scene.ledger.dead() == []


async def test_request_under_way_is_the_last_of_an_erased_call(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.begin()
    memory = MemoryEraser(scene.directory, scene.log, MemoryStore(reports=1), scene.ledger)
    await scene.tell(1)
    asked = asyncio.Event()
    goes_on = asyncio.Event()

    async def slow(*_: object) -> Answer:
        asked.set()
        await goes_on.wait()
        return Answer("http 410", rejected=True, gone=True)

    monkeypatch.setattr(scene.sender, "send", slow)
    await scene.tell(2)
    await scene.end(3)
    await asked.wait()
    await scene.outbox.of_eraser(memory).erase(ONE)
    goes_on.set()
    await scene.clock.advance(60)
    assert await scene.ledger.dead() == []
    assert await scene.ledger.unfinished() == []


async def test_call_that_names_its_endpoints_is_sent_to_these_alone(scene: Scene) -> None:
    await scene.begin(1, webhooks=frozenset({"audit"}))
    await scene.begin(2, webhooks=frozenset({"shop"}))
    await scene.tell(1)
    await scene.tell(1, call=TWO)
    assert scene.sender.asked == [(TWO, 1)]


async def test_endpoint_on_request_is_sent_what_asks_for_it() -> None:
    scene = Scene(replace(SHOP, on_request=True))
    async with scene.life():
        await scene.begin(1)
        await scene.begin(2, webhooks=frozenset({"shop"}))
        await scene.tell(1)
        await scene.tell(1, call=TWO)
    assert scene.sender.asked == [(TWO, 1)]
