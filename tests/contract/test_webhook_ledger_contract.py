"""What every ledger of webhooks does, wherever it is kept; and what outlives its server."""

from dataclasses import replace
from datetime import timedelta

from bridge.ids import ConnectionId, TenantId
from bridge.ports.webhook import DeadLetter, Progress
from tests.fakes.agents import SPEC
from tests.stores import life

CALL = SPEC.connection_id
OTHER = ConnectionId("call-2")
BEGUN = Progress("shop", CALL, 0)
LETTER = DeadLetter(
    "shop", CALL, 7, TenantId("acme"), "transcript", "http 500", 12, SPEC.created_at
)


async def test_progress_is_kept_until_it_is_done_and_never_goes_back(store_url: str) -> None:
    async with life(store_url) as records:
        ledger = records.webhooks
        assert await ledger.unfinished() == []
        await ledger.note([BEGUN])
        await ledger.note([replace(BEGUN, connection_id=OTHER)])
        await ledger.note([replace(BEGUN, endpoint="audit")])
        await ledger.note([replace(BEGUN, delivered=5)])
        await ledger.note([replace(BEGUN, delivered=3)])
        left = {(one.endpoint, one.connection_id): one for one in await ledger.unfinished()}
        assert len(left) == 3
        assert left["shop", CALL] == Progress("shop", CALL, 5)
        await ledger.note([replace(BEGUN, delivered=9, is_done=True)])
        assert {one.connection_id for one in await ledger.unfinished()} == {CALL, OTHER}
        assert len(await ledger.unfinished()) == 2


async def test_dead_letters_are_listed_by_age_and_struck_off(store_url: str) -> None:
    async with life(store_url) as records:
        ledger = records.webhooks
        later = replace(LETTER, sequence=3, died_at=LETTER.died_at + timedelta(seconds=1))
        elsewhere = replace(LETTER, endpoint="audit", died_at=LETTER.died_at + timedelta(days=1))
        for letter in (elsewhere, later, LETTER, LETTER):
            await ledger.bury(letter)
        assert await ledger.dead() == [LETTER, later, elsewhere]
        assert await ledger.dead("shop") == [LETTER, later]
        await ledger.forget_dead(LETTER)
        await ledger.forget_dead(LETTER)
        assert await ledger.dead() == [later, elsewhere]


async def test_both_outlive_their_server(durable_url: str) -> None:
    async with life(durable_url) as records:
        await records.webhooks.note([replace(BEGUN, delivered=5)])
        await records.webhooks.bury(LETTER)
    async with life(durable_url) as records:
        assert await records.webhooks.unfinished() == [Progress("shop", CALL, 5)]
        assert await records.webhooks.dead() == [LETTER]
