"""What does LiveKit tell by webhook? Only what it has signed, once, and lately."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web
from livekit import api

from bridge.errors import BridgeError
from bridge.http_listener import answering
from bridge.ids import Identity, RoomName
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.room_news import HumanCame, HumanWent, RoomNews, RoomOver
from bridge.room.kinds import is_human
from bridge.room.reasons import leave_reason

PATH: Final = "/livekit/webhook"

# An event holds a room and a participant, metadata and attributes included.
_MAX_BODY_BYTES: Final = 256 * 1024
# LiveKit tries again for a while; clocks may differ on top of that.
_STALE_S: Final = 600.0
# Who was told twice is known for longer than an event can be told at all.
_MOST_REMEMBERED: Final = 20_000

_log = get_logger(__name__)


class WebhookListenError(BridgeError):
    """The address for LiveKit's webhooks cannot be listened on."""


class Refused(Exception):
    """It is no news of LiveKit's; `status` says why, and whoever sent it is told no more."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Webhooks:
    """Takes the bodies that LiveKit sends."""

    def __init__(self, api_key: str, api_secret: str, clock: Clock) -> None:
        self._receiver = api.WebhookReceiver(api.TokenVerifier(api_key, api_secret))
        self._clock = clock
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, authorization: str, body: str) -> RoomNews | None:
        """Return what is told; None where it does not concern us.

        :raises Refused: it is not signed by LiveKit, old, or was told before.
        """
        event = self._verified(authorization, body)
        age_s = abs(self._clock.now().timestamp() - event.created_at)
        if not event.id or age_s > _STALE_S:
            raise Refused(HTTPStatus.UNAUTHORIZED)
        if event.id in self._seen:
            raise Refused(HTTPStatus.CONFLICT)
        self._seen[event.id] = None
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return _news(event)

    def _verified(self, authorization: str, body: str) -> api.WebhookEvent:
        token = authorization.removeprefix("Bearer ")
        try:
            return self._receiver.receive(body, token)
        except Exception:  # noqa: BLE001 - the package raises whatever went wrong inside
            raise Refused(HTTPStatus.UNAUTHORIZED) from None


@asynccontextmanager
async def listening(
    address: str, webhooks: Webhooks, tell: Callable[[RoomNews], None]
) -> AsyncIterator[None]:
    """Take webhooks for as long as the context lasts; `tell` is called for each and must not wait.

    :raises WebhookListenError: the address is taken, or none of this machine's.
    """

    async def receive(request: web.Request) -> web.Response:
        try:
            body = (await request.read()).decode()
            news = webhooks.take(request.headers.get("Authorization", ""), body)
        except (Refused, UnicodeDecodeError) as refused:
            status = refused.status if isinstance(refused, Refused) else HTTPStatus.BAD_REQUEST
            _log.warning("webhook refused", status=int(status))
            return web.Response(status=status)
        if news is not None:
            tell(news)
        return web.Response()

    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_post(PATH, receive)
    unusable = WebhookListenError(f"cannot listen on {address} for LiveKit's webhooks")
    async with answering(app, address, unusable):
        yield


def _news(event: api.WebhookEvent) -> RoomNews | None:
    room = RoomName(event.room.name)
    if not room:
        return None
    if event.event == "room_finished":
        return RoomOver(room)
    who = event.participant
    if not is_human(who):
        return None
    match event.event:
        case "participant_joined":
            return HumanCame(room, Identity(who.identity), who.name)
        case "participant_left" | "participant_connection_aborted":
            return HumanWent(room, Identity(who.identity), leave_reason(who.disconnect_reason))
    return None
