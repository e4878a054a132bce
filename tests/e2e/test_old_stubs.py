"""Callers that were built when the first version came out: their stubs still place calls.

Nothing here uses the stubs of today: messages and methods are made of the image that the release
left behind.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from bridge.room.caller import Caller
from tests.e2e.rig import SOON_S, BridgeProcess, hears, silence
from tests.tones import tone

pytestmark = pytest.mark.e2e

FIRST_RELEASE: Final = Path(__file__).parents[2] / "proto/released/0.1.0.binpb"
SERVICES: Final = ("CallService", "TelemetryService", "ModelService")


class OldStubs:
    """What a generator would have made of a released image: its messages, enums and methods."""

    def __init__(self, image: Path, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool()
        for file in FileDescriptorSet.FromString(image.read_bytes()).file:
            self._pool.Add(file)
        self._methods = {
            method.name: method
            for service in SERVICES
            for method in self._pool.FindServiceByName(f"bridge.v1.{service}").methods
        }

    async def call(self, method: str, **fields: Any) -> Any:
        """Make a unary call."""
        request, invoke = self._prepared(self._methods[method], self._channel.unary_unary, fields)
        return await invoke(request, timeout=SOON_S)

    def stream(self, method: str, **fields: Any) -> Any:
        request, invoke = self._prepared(self._methods[method], self._channel.unary_stream, fields)
        return invoke(request, timeout=3 * SOON_S)

    def number(self, enum: str, value: str) -> int:
        return int(self._pool.FindEnumTypeByName(f"bridge.v1.{enum}").values_by_name[value].number)

    def _prepared(
        self, method: MethodDescriptor, kind: Callable[..., Any], fields: dict[str, Any]
    ) -> tuple[Any, Any]:
        invoke = kind(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        return message_factory.GetMessageClass(method.input_type)(**fields), invoke


class Events:
    """A call's events, read by old stubs and kept."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.seen: list[Any] = []

    async def until(self, fits: Callable[[Any], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not (self.seen and fits(self.seen[-1])):
                self.seen.append((await self._stream.read()).event)


@pytest.fixture
async def old(bridge: BridgeProcess) -> AsyncIterator[OldStubs]:
    async with grpc.aio.insecure_channel(bridge.address) as channel:
        yield OldStubs(FIRST_RELEASE, channel)


async def test_stubs_of_the_first_release_place_a_call_that_is_heard_and_follow_it_to_its_end(
    old: OldStubs,
) -> None:
    created = await old.call("CreateRoom", participant_name="Ada", agent_id="tester")
    assert created.status == "created"
    which = {"connection_id": created.connection_id}
    events = Events(old.stream("WatchEvents", **which))
    is_ready = old.number("LinkState", "LINK_STATE_READY")
    is_agent = old.number("TranscriptRole", "TRANSCRIPT_ROLE_AGENT")
    async with Caller.join(created.server_url, created.access_token) as caller:
        await caller.wait_for_agent_track()
        await events.until(lambda event: event.model_state_changed.state == is_ready)
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880)
        await events.until(
            lambda event: bool(event.transcript.final and event.transcript.role == is_agent)
        )
        ended = await old.call("EndCall", **which)
    assert ended.call.end_reason == old.number("EndReason", "END_REASON_API_ENDED")
    await events.until(lambda event: event.WhichOneof("kind") == "ended")
    assert [event.sequence for event in events.seen] == list(range(1, len(events.seen) + 1))
    (turn,) = events.seen[-1].ended.report.turns
    assert (turn.user_text, turn.agent_text) == ("tone 440 Hz", "tone 880 Hz")
    assert (await old.call("GetCallReport", **which)).report.turns == [turn]


async def test_stubs_of_the_first_release_reach_every_method_that_it_had(old: OldStubs) -> None:
    created = await old.call("CreateRoom", participant_name="Ada", agent_id="tester")
    which = {"connection_id": created.connection_id}
    joined = await old.call("JoinRoom", participant_name="Bob", room_name=created.room_name)
    assert (joined.status, joined.connection_id) == ("joined", created.connection_id)
    status = await old.call("GetConnectionStatus", **which)
    assert status.is_active
    listed = await old.call("ListCalls", agent_id="tester")
    assert [call.connection_id for call in listed.calls] == [created.connection_id]
    assert (await old.call("GetStats")).active_connections == 1
    figures = await old.stream("StreamTelemetry", interval={"nanos": 100_000_000}, **which).read()
    assert figures.samples[0].connection_id == created.connection_id
    assert (await old.call("CreateModelToken", agent_id="tester")).value.startswith("ek_")
    assert (await old.call("EndCall", **which)).status == "success"
