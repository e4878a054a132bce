"""Which webhooks are LiveKit's own, and what do they tell?"""

import time
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
import jwt
import pytest
from livekit import api

from bridge.clock import SystemClock
from bridge.ids import Identity, RoomName
from bridge.ports.room_event import LeaveReason
from bridge.ports.room_news import HumanCame, HumanWent, RoomNews, RoomOver
from bridge.room.webhooks import PATH, Refused, WebhookListenError, Webhooks, listening
from tests import livekit_webhooks
from tests.e2e.rig import free_port
from tests.livekit_webhooks import body_of

KEY, SECRET = "devkey", "a-secret-of-at-least-32-characters"
ROOM, ADA = RoomName("room-1"), Identity("ada")


def event(name: str = "room_finished", **fields: object) -> api.WebhookEvent:
    told = {
        "event": name,
        "id": f"EV_{name}",
        "created_at": int(time.time()),
        "room": api.Room(name=ROOM),
        **fields,
    }
    return api.WebhookEvent(**told)  # type: ignore[arg-type]


def person(**fields: object) -> api.ParticipantInfo:
    return api.ParticipantInfo(**{"identity": ADA, "name": "Ada", **fields})  # type: ignore[arg-type]


def token(body: str, secret: str = SECRET, key: str = KEY, expires_in_s: float = 60) -> str:
    return livekit_webhooks.token(body, secret, key, expires_in_s)


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks(KEY, SECRET, SystemClock())


def taken(webhooks: Webhooks, told: api.WebhookEvent) -> RoomNews | None:
    body = body_of(told)
    return webhooks.take(f"Bearer {token(body)}", body)


def test_end_of_a_room_is_news(webhooks: Webhooks) -> None:
    assert taken(webhooks, event("room_finished")) == RoomOver(ROOM)


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        (api.DisconnectReason.CLIENT_INITIATED, LeaveReason.LEFT),
        (api.DisconnectReason.PARTICIPANT_REMOVED, LeaveReason.REMOVED),
        (api.DisconnectReason.CONNECTION_TIMEOUT, LeaveReason.LOST),
        (api.DisconnectReason.UNKNOWN_REASON, LeaveReason.LOST),
    ],
)
def test_who_went_is_told_with_why(webhooks: Webhooks, reason: int, left: LeaveReason) -> None:
    told = event("participant_left", participant=person(disconnect_reason=reason))
    assert taken(webhooks, told) == HumanWent(ROOM, ADA, left)


def test_who_came_is_told_by_name(webhooks: Webhooks) -> None:
    told = event("participant_joined", participant=person())
    assert taken(webhooks, told) == HumanCame(ROOM, ADA, "Ada")


@pytest.mark.parametrize(
    "told",
    [
        event("participant_left", participant=person(kind=api.ParticipantInfo.Kind.AGENT)),
        event("participant_left", participant=person(kind=api.ParticipantInfo.Kind.EGRESS)),
        event("participant_left", participant=person(identity="bot-1")),
        event("track_published", participant=person()),
        event("room_started"),
        event("something_new"),
        event("egress_ended", room=api.Room()),
    ],
    ids=lambda told: f"{told.event} {told.participant.kind} {told.participant.identity}",
)
def test_what_does_not_concern_calls_is_no_news(webhooks: Webhooks, told: api.WebhookEvent) -> None:
    assert taken(webhooks, told) is None


BODY = body_of(event())
FORGED: dict[str, Callable[[], tuple[str, str]]] = {
    "no token": lambda: ("", BODY),
    "no signature": lambda: (jwt.encode({"iss": KEY, "exp": 9e9}, "", algorithm="none"), BODY),
    "another's secret": lambda: (token(BODY, secret="x" * 32), BODY),
    "another's key": lambda: (token(BODY, key="other"), BODY),
    "another body": lambda: (token(BODY), BODY.replace("room-1", "room-2")),
    "no hash": lambda: (jwt.encode({"iss": KEY, "exp": 9e9}, SECRET, algorithm="HS256"), BODY),
    "an old token": lambda: (token(BODY, expires_in_s=-3600), BODY),
    "no event": lambda: (token("[]"), "[]"),
    "no JSON": lambda: (token("\0"), "\0"),
    "a caller's token": lambda: (
        api.AccessToken(KEY, SECRET)
        .with_identity(ADA)
        .with_grants(api.VideoGrants(room_join=True, room=ROOM))
        .to_jwt(),
        BODY,
    ),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_what_livekit_has_not_signed_is_refused(
    webhooks: Webhooks, forged: Callable[[], tuple[str, str]]
) -> None:
    with pytest.raises(Refused) as refused:
        webhooks.take(*forged())
    assert refused.value.status is HTTPStatus.UNAUTHORIZED
    assert taken(webhooks, event()) == RoomOver(ROOM), "a forged one takes no place of a real one"


@pytest.mark.parametrize("age_s", [601, -601, 1e9])
def test_stale_news_are_refused(webhooks: Webhooks, age_s: float) -> None:
    with pytest.raises(Refused) as refused:
        taken(webhooks, event(created_at=int(time.time() - age_s)))
    assert refused.value.status is HTTPStatus.UNAUTHORIZED


def test_news_without_an_id_are_refused(webhooks: Webhooks) -> None:
    with pytest.raises(Refused):
        taken(webhooks, event(id=""))


def test_news_are_taken_once(webhooks: Webhooks) -> None:
    assert taken(webhooks, event()) == RoomOver(ROOM)
    with pytest.raises(Refused) as refused:
        taken(webhooks, event())
    assert refused.value.status is HTTPStatus.CONFLICT
    assert taken(webhooks, event(id="EV_2")) == RoomOver(ROOM)


async def test_listener_tells_what_it_takes_and_answers_what_it_refuses(
    webhooks: Webhooks,
) -> None:
    told: list[RoomNews] = []
    address = f"127.0.0.1:{free_port()}"
    async with listening(address, webhooks, told.append), aiohttp.ClientSession() as client:
        url = f"http://{address}{PATH}"

        async def post(body: bytes, authorization: str, path: str = "") -> int:
            headers = {"Authorization": authorization}
            async with client.post(url + path, data=body, headers=headers) as answer:
                return answer.status

        body = body_of(event())
        assert await post(body.encode(), token(body)) == HTTPStatus.OK
        assert await post(body.encode(), token(body)) == HTTPStatus.CONFLICT
        assert await post(body.encode(), "") == HTTPStatus.UNAUTHORIZED
        assert await post(b"\xff", "") == HTTPStatus.BAD_REQUEST
        assert await post(b"x" * 300_000, "") == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert await post(b"", "", "/other") == HTTPStatus.NOT_FOUND
        async with client.get(url) as answer:
            assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
        with pytest.raises(WebhookListenError):
            async with listening(address, webhooks, told.append):
                pass
    assert told == [RoomOver(ROOM)]
