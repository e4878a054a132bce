"""How is one event sent, and what does the endpoint make of it?"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

import aiohttp
from yarl import URL

from bridge.destinations import DestinationRefused, Destinations
from bridge.ids import ConnectionId
from bridge.listed_http import listed_session
from bridge.messages.webhook_json import EventJson
from bridge.ports.clock import Clock
from bridge.webhooks import signing
from bridge.webhooks.endpoints import Endpoint

# Who takes longer should take it first, and work afterwards.
_ANSWER_S: Final = 10.0
_HEADERS: Final = {
    "User-Agent": "mediabridge",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}
# Not the event's fault: the endpoint, or the way to it, is not ready.
_LATER: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message that was sent."""

    error: str = ""
    """Empty: it was taken."""
    rejected: bool = False
    """The endpoint is there, and wants none of this."""
    gone: bool = False
    """It will never want any."""

    @property
    def taken(self) -> bool:
        return not self.error


class Sender:
    """Sends signed messages to listed servers. Entering opens connections, leaving closes them."""

    def __init__(self, destinations: Destinations, clock: Clock) -> None:
        self._destinations = destinations
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._session = listed_session(self._destinations, _HEADERS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(
        self, endpoint: Endpoint, connection_id: ConnectionId, sequence: int, event: EventJson
    ) -> Answer:
        """Send one event. What is sent again has the same id, and a time of its own."""
        at_s = int(self._clock.now().timestamp())
        message_id = f"{connection_id}.{sequence}"
        headers = signing.headers(endpoint.key, message_id, at_s, event.body)
        try:
            url = URL(endpoint.url)
            # The resolver sees names only, not what is an address already.
            self._destinations.check_host(url.host or "", url.port or 0)
            async with self._session.post(
                url,
                data=event.body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
            ) as response:
                return _answer(response.status)
        except DestinationRefused:
            return Answer("not listed in MEDIABRIDGE_WEBHOOK_ALLOW")
        except TimeoutError:
            return Answer("no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(type(error).__name__)


def _answer(status: int) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer()
    fault_is_the_event_s = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER
    return Answer(f"http {status}", fault_is_the_event_s, gone=status == HTTPStatus.GONE)
