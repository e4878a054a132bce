"""A LiveKit API that has an egress service: speaks twirp's HTTP and LiveKit's own messages."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web
from livekit import api

if TYPE_CHECKING:
    from google.protobuf.message import Message

KEY, SECRET = "devkey", "a-secret-of-at-least-32-characters"


class EgressServer:
    """What was asked of it, and what it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Message] = []
        self.audio_tracks = ["TR_a", "TR_b"]
        self.refuses_with: tuple[int, str] | None = None
        self.looks_until_complete = 1
        self.begins_at_most = 1000
        self._begun = 0

    async def answer(self, request: web.Request) -> web.Response:
        handlers: dict[str, tuple[type[Message], Callable[[Any], Message]]] = {
            "livekit.Egress/StartRoomCompositeEgress": (
                api.RoomCompositeEgressRequest,
                self._begin,
            ),
            "livekit.Egress/StartTrackEgress": (api.TrackEgressRequest, self._begin),
            "livekit.Egress/StopEgress": (api.StopEgressRequest, self._stop),
            "livekit.Egress/ListEgress": (api.ListEgressRequest, self._list),
            "livekit.RoomService/ListParticipants": (api.ListParticipantsRequest, self._people),
        }
        method = request.match_info["method"]
        kind, handle = handlers[method]
        token = request.headers["Authorization"].removeprefix("Bearer ")
        grants = api.TokenVerifier(KEY, SECRET).verify(token).video
        assert grants is not None
        needed = grants.room_admin if "RoomService" in method else grants.room_record
        assert needed, f"{method} needs another grant"
        assert request.content_type == "application/protobuf"
        message = kind()
        message.ParseFromString(await request.read())
        self.asked.append(message)
        if method.startswith("livekit.Egress/Start") and self._begun >= self.begins_at_most:
            return web.json_response({"code": "resource_exhausted", "msg": "no"}, status=429)
        if self.refuses_with is not None:
            status, code = self.refuses_with
            return web.json_response({"code": code, "msg": "no"}, status=status)
        return web.Response(
            body=handle(message).SerializeToString(), content_type="application/protobuf"
        )

    def _begin(self, wanted: Any) -> api.EgressInfo:
        self._begun += 1
        return api.EgressInfo(
            egress_id=f"EG_{self._begun}",
            room_name=wanted.room_name,
            status=api.EgressStatus.EGRESS_STARTING,
        )

    def _stop(self, wanted: api.StopEgressRequest) -> api.EgressInfo:
        return api.EgressInfo(egress_id=wanted.egress_id, status=api.EgressStatus.EGRESS_ENDING)

    def _list(self, wanted: api.ListEgressRequest) -> api.ListEgressResponse:
        self.looks_until_complete -= 1
        if self.looks_until_complete > 0:
            ending = api.EgressInfo(
                egress_id=wanted.egress_id, status=api.EgressStatus.EGRESS_ENDING
            )
            return api.ListEgressResponse(items=[ending])
        done = api.EgressInfo(
            egress_id=wanted.egress_id,
            status=api.EgressStatus.EGRESS_COMPLETE,
            file_results=[api.FileInfo(filename="f", duration=9_500_000_000, size=12345)],
        )
        return api.ListEgressResponse(items=[done])

    def _people(self, _: Any) -> api.ListParticipantsResponse:
        tracks = [api.TrackInfo(sid=sid, type=api.TrackType.AUDIO) for sid in self.audio_tracks]
        video = api.TrackInfo(sid="TR_v", type=api.TrackType.VIDEO)
        people = [api.ParticipantInfo(identity="ada", tracks=[video, *tracks])]
        return api.ListParticipantsResponse(participants=people)


@asynccontextmanager
async def egress_server() -> AsyncIterator[EgressServer]:
    """Serve on a free loopback port."""
    server = EgressServer()
    application = web.Application()
    application.add_routes([web.post("/twirp/{method:.+}", server.answer)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
