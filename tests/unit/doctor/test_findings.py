"""Is each thing that is broken named, with what to do about it?"""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from bridge.agents.surroundings import NOTHING
from bridge.api.tls import CertificateFiles
from bridge.doctor import files, keeping, livekit, machine, model
from bridge.doctor.finding import Finding, Health
from bridge.errors import ModelError, ModelFailure, RoomRejected
from bridge.store.database import parse_url
from tests.fakes.certificates import Authority
from tests.unit.api.rig import free_address, serving
from tests.unit.calls.rig import World

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD_AGENT = "agentId: ava\nname: Ava\ninstructions: Be kind.\n"


def healths(findings: list[Finding]) -> dict[str, Health]:
    return {finding.check: finding.health for finding in findings}


def assert_says_what_to_do(finding: Finding, health: Health = Health.FAILED) -> None:
    assert finding.health is health
    assert finding.advice.endswith((".", "?"))


@asynccontextmanager
async def livekit_s_http() -> AsyncIterator[str]:
    """Something that answers as LiveKit's root does."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="OK")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    address = free_address()
    host, _, port = address.partition(":")
    await web.TCPSite(runner, host, int(port)).start()
    try:
        yield f"http://{address}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_livekit_that_works_is_left_as_it_was(world: World) -> None:
    async with livekit_s_http() as url:
        found = healths(await livekit.check_livekit(url, world.rooms, world.clock))
    assert {found[check] for check in ("livekit", "livekit-keys", "livekit-media")} == {Health.OK}
    assert len(world.rooms.deleted) == 1
    assert await world.rooms.owned() == []


async def test_a_livekit_that_does_not_answer_is_one_finding(world: World) -> None:
    found = await livekit.check_livekit(f"http://{free_address()}", world.rooms, world.clock)
    assert_says_what_to_do(found[0])
    assert {finding.health for finding in found[1:]} == {Health.SKIPPED}


async def test_keys_that_livekit_refuses_are_named(world: World) -> None:
    world.rooms.creating.error = RoomRejected("LiveKit refused to create a room: unauthenticated")
    async with livekit_s_http() as url:
        found = await livekit.check_livekit(url, world.rooms, world.clock)
    (keys,) = [one for one in found if one.check == livekit.KEYS]
    assert_says_what_to_do(keys)
    assert "LIVEKIT_API_SECRET" in keys.advice


async def test_a_livekit_that_lets_nobody_in_is_told_from_one_that_refuses_keys(
    world: World,
) -> None:
    world.rooms.joining_fails = True
    async with livekit_s_http() as url:
        found = await livekit.check_livekit(url, world.rooms, world.clock)
    assert healths(found)[livekit.KEYS] is Health.OK
    (media,) = [one for one in found if one.check == livekit.MEDIA]
    assert_says_what_to_do(media)
    assert len(world.rooms.deleted) == 1


@pytest.mark.parametrize(
    ("ahead_s", "health"),
    [
        (0, Health.OK),
        (-3, Health.OK),
        (20, Health.WARNING),
        (-20, Health.WARNING),
        (90, Health.FAILED),
        (-3600, Health.FAILED),
    ],
)
def test_a_clock_that_is_off_is_noticed(ahead_s: float, health: Health) -> None:
    theirs = "Thu, 01 Jan 2026 00:00:00 GMT"
    found = livekit.judge_clock(theirs, NOW + timedelta(seconds=ahead_s))
    assert found.health is health
    if health is not Health.OK:
        assert f"{abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}" in found.detail
        assert "chrony" in found.advice


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_clock_that_nobody_tells_is_not_judged(date: str | None) -> None:
    assert livekit.judge_clock(date, NOW).health is Health.SKIPPED


async def test_a_model_that_opens_a_session_is_fine(world: World) -> None:
    (found,) = await model.check_model(world.models, "m", "wss://model.test")
    assert found.health is Health.OK


@pytest.mark.parametrize("failure", ModelFailure)
async def test_whatever_the_model_refuses_for_there_is_something_to_do(
    world: World, failure: ModelFailure
) -> None:
    world.models.refusal = ModelError(failure, "because")
    (found,) = await model.check_model(world.models, "m", "wss://model.test")
    assert_says_what_to_do(found)
    assert failure.value in found.detail


def test_agents_are_counted_and_their_mistakes_are_named_by_file(tmp_path: Path) -> None:
    (tmp_path / "ava.yaml").write_text(GOOD_AGENT)
    (tmp_path / "bob.yaml").write_text("agentId: bob\nnmae: Bob\n")
    *bad, good = files.check_agents(tmp_path, NOTHING)
    assert good.health is Health.OK
    for problem in bad:
        assert_says_what_to_do(problem)
        assert "bob.yaml" in problem.detail
    assert bad


def test_a_directory_without_agents_is_no_good(tmp_path: Path) -> None:
    assert_says_what_to_do(files.check_agents(tmp_path, NOTHING)[0])
    assert_says_what_to_do(files.check_agents(tmp_path / "missing", NOTHING)[0])


def test_certificates_are_checked_as_the_server_would(tmp_path: Path) -> None:
    named, now = CertificateFiles(tmp_path / "tls.crt", tmp_path / "tls.key"), datetime.now(UTC)
    authority = Authority("ours")
    for days, health in ((60, Health.OK), (3, Health.WARNING)):
        pair = authority.issue(expires_at=now + timedelta(days=days))
        pair.write(named.certificate, named.private_key)
        assert files.check_certificate(named, now).health is health
    assert_says_what_to_do(files.check_certificate(named, now + timedelta(days=9)))
    named.private_key.write_bytes(authority.issue().key)
    assert_says_what_to_do(files.check_certificate(named, now))
    named.certificate.unlink()
    assert_says_what_to_do(files.check_certificate(named, now))
    assert files.check_certificate(None, now).health is Health.SKIPPED


def test_a_file_of_keys_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert_says_what_to_do(files.check_keys(tmp_path / "keys.json"))
    assert files.check_keys(None).health is Health.SKIPPED


async def test_a_store_that_cannot_be_opened_or_made_is_named_without_its_password(
    tmp_path: Path,
) -> None:
    new = await keeping.check_store(parse_url(f"sqlite:///{tmp_path}/calls.db"))
    assert new.health is Health.OK
    assert f"sqlite:///{tmp_path}/calls.db" in new.detail
    assert not (tmp_path / "calls.db").exists()
    lost = await keeping.check_store(parse_url(f"sqlite:///{tmp_path}/missing/calls.db"))
    assert_says_what_to_do(lost)
    (tmp_path / "calls.db").write_text("this is no database, and longer than a header of one")
    assert_says_what_to_do(await keeping.check_store(parse_url(f"sqlite:///{tmp_path}/calls.db")))
    _, _, port = free_address().partition(":")
    url = parse_url(f"postgresql://bridge:hunter2hunter2@127.0.0.1:{port}/calls")
    away = await keeping.check_store(url)
    assert_says_what_to_do(away)
    assert "hunter2" not in str(away)
    assert (await keeping.check_store(None)).health is Health.SKIPPED


def test_more_calls_than_a_process_may_have_descriptors_for_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert machine.check_descriptors(8).health is Health.OK
    assert_says_what_to_do(machine.check_descriptors(20), Health.WARNING)
    assert_says_what_to_do(machine.check_descriptors(30))


async def test_an_address_that_is_free_or_our_own_is_fine() -> None:
    assert (await machine.check_listen(free_address(), has_tls=False)).health is Health.OK
    async with serving() as api:
        found = await machine.check_listen(api.address, has_tls=False)
    assert found.health is Health.OK
    assert "a server answers" in found.detail


async def test_an_address_that_is_another_s_or_nobody_s_is_named(tmp_path: Path) -> None:
    address = free_address()
    host, _, port = address.partition(":")

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, host, int(port)):
        assert_says_what_to_do(await machine.check_listen(address, has_tls=False))
        hidden = await machine.check_listen(address, has_tls=True)
        assert_says_what_to_do(hidden, Health.WARNING)
        assert_says_what_to_do(await machine.check_metrics_listen(address), Health.WARNING)
    assert_says_what_to_do(await machine.check_listen("203.0.113.7:50051", has_tls=False))
    assert_says_what_to_do(
        await machine.check_listen(f"unix:{tmp_path}/missing/socket", has_tls=False)
    )


async def test_a_collector_that_is_not_there_stops_no_call() -> None:
    host, _, port = free_address().partition(":")
    assert_says_what_to_do(await machine.check_collector(host, int(port)), Health.WARNING)


def test_place_of_recordings_may_be_made_later_and_must_be_writable(tmp_path: Path) -> None:
    assert files.check_recordings(None).health is Health.SKIPPED
    assert files.check_recordings(tmp_path / "not" / "yet").health is Health.OK
    place = tmp_path / "recordings"
    place.mkdir(mode=0o700)
    assert files.check_recordings(place).health is Health.OK
    place.chmod(0o755)
    assert files.check_recordings(place).health is Health.WARNING
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert_says_what_to_do(files.check_recordings(in_the_way))
    assert_says_what_to_do(files.check_recordings(in_the_way / "below"))
