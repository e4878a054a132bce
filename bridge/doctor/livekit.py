"""Can calls be carried on LiveKit: is it there, what time is it there, does it know us?"""

import secrets
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from bridge.doctor.finding import Finding, failed, ok, skipped, warning
from bridge.errors import RoomError, RoomRejected
from bridge.ids import ConnectionId, Identity, RoomName
from bridge.ports.clock import Clock
from bridge.ports.room import RoomRequest, RoomService

REACH, CLOCK, KEYS, MEDIA = "livekit", "livekit-clock", "livekit-keys", "livekit-media"

_ANSWER_S: Final = 3.0
# Tokens say from when until when they are good; LiveKit allows for a minute of difference.
_SKEW_FAILED_S: Final = 45.0
_SKEW_WARNING_S: Final = 5.0
_EMPTY_ROOM_S: Final = 10


async def check_livekit(http_url: str, rooms: RoomService, clock: Clock) -> list[Finding]:
    """Ask LiveKit for its time, for a room, and for a way in; leave nothing behind."""
    try:
        date = await _date(http_url)
    except (aiohttp.ClientError, TimeoutError) as error:
        advice = (
            "Is livekit-server running, is LIVEKIT_SERVER_URL right, and does a firewall stand "
            "between? The bridge needs its HTTP port and its UDP ports."
        )
        return [
            failed(REACH, f"{http_url} does not answer ({type(error).__name__})", advice),
            *(skipped(check, "LiveKit does not answer") for check in (CLOCK, KEYS, MEDIA)),
        ]
    return [
        ok(REACH, f"{http_url} answers"),
        judge_clock(date, clock.now()),
        *await _check_room(rooms),
    ]


def judge_clock(date: str | None, now: datetime) -> Finding:
    """Compare our clock with the header of an answer that has just come."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return skipped(CLOCK, "LiveKit's answers have no date")
    # A date without a zone is of UTC's, too.
    skew_s = (now - theirs.replace(tzinfo=theirs.tzinfo or UTC)).total_seconds()
    said = f"this machine's clock is {abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"
    advice = "Let chrony or systemd-timesyncd keep the time on both machines."
    if abs(skew_s) > _SKEW_FAILED_S:
        return failed(CLOCK, f"{said}: tokens are not good there", advice)
    if abs(skew_s) > _SKEW_WARNING_S:
        return warning(CLOCK, f"{said} of LiveKit's", advice)
    return ok(CLOCK, "this machine's clock and LiveKit's agree")


async def _date(http_url: str) -> str | None:
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(http_url) as answer:
        date: str | None = answer.headers.get("Date")
        return date


async def _check_room(rooms: RoomService) -> list[Finding]:
    name = RoomName(f"mediabridge-doctor-{secrets.token_hex(6)}")
    request = RoomRequest(name, ConnectionId(""), _EMPTY_ROOM_S, max_participants=2)
    try:
        await rooms.create(request)
    except RoomRejected as error:
        advice = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be a pair of this server's `keys`."
        return [failed(KEYS, str(error), advice), skipped(MEDIA, "the keys are refused")]
    except RoomError as error:
        advice = "LiveKit answers, but not to its API: its log, or a proxy's before it, says why."
        return [failed(KEYS, str(error), advice), skipped(MEDIA, "no room could be made")]
    keys = ok(KEYS, "a room could be made")
    try:
        async with rooms.join(name, Identity("mediabridge-doctor"), "doctor") as bot:
            await bot.publish()
        return [keys, ok(MEDIA, "a bot could enter it, and publish its track")]
    except RoomError as error:
        advice = (
            "WebRTC does not come through: open LiveKit's `rtc` ports (UDP, and TCP 7881) between "
            "these machines, and check its `node_ip` or `use_external_ip`."
        )
        return [keys, failed(MEDIA, str(error), advice)]
    finally:
        await _delete(rooms, name)


async def _delete(rooms: RoomService, name: RoomName) -> None:
    try:
        await rooms.delete(name)
    except RoomError:
        return  # LiveKit drops an empty room itself
