"""Which scripted call does a request get: a new one, the one it made before, or the room's."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from google.protobuf import json_format

from bridge.errors import (
    AlreadyExists,
    Exhausted,
    FieldViolation,
    InvalidRequest,
    NotFound,
    WrongState,
)
from bridge.ports.clock import Clock
from bridge.testing.scripted_call import ScriptedCall
from bridge.v1 import call_service_pb2 as pb

_FULL_RETRY_S: Final = 5.0

# What a room's call has settled already: nobody who joins it may ask for other.
_SETTLED: Final = (
    "metadata",
    "agent",
    "variables",
    "limits",
    "start_policy",
    "prior_connection_id",
    "initial_messages",
    "budget",
    "webhooks",
)


class Placing:
    """All calls there have been, by their ids, and what new ones are made of."""

    def __init__(
        self,
        agents: Iterable[pb.AgentSummary],
        slots: int,
        clock: Clock,
        began: Callable[[ScriptedCall], None],
    ) -> None:
        """
        :param began: told of each new call.
        """
        self.calls: dict[str, ScriptedCall] = {}
        self.agents = {agent.agent_id: agent for agent in agents}
        self.slots = slots
        self.foreign_rooms: set[str] = set()
        """Rooms on LiveKit that belong to no call yet; JoinRoom may send an agent into one."""
        self.refused = 0
        self._forgotten: set[str] = set()
        self._clock = clock
        self._began = began
        self._made_by: dict[tuple[str, str], tuple[bytes, ScriptedCall]] = {}

    @property
    def live(self) -> Sequence[ScriptedCall]:
        return [call for call in self.calls.values() if not call.is_over]

    @property
    def kept(self) -> Sequence[ScriptedCall]:
        """Calls that have not been deleted; totals count those as well."""
        calls = self.calls.items()
        return [call for connection_id, call in calls if connection_id not in self._forgotten]

    def agent(self, agent_id: str) -> pb.AgentSummary:
        """
        :raises NotFound: there is none.
        """
        if agent_id not in self.agents:
            metadata = {"agent_id": agent_id}
            raise NotFound("AGENT_NOT_FOUND", f"there is no agent {agent_id}", metadata)
        return self.agents[agent_id]

    def call(self, connection_id: str) -> ScriptedCall:
        """
        :raises NotFound: there never was one.
        """
        if connection_id not in self.calls or connection_id in self._forgotten:
            metadata = {"connection_id": connection_id}
            raise NotFound("CALL_NOT_FOUND", "no such call", metadata)
        return self.calls[connection_id]

    def forget(self, connection_id: str) -> None:
        """Let there never have been such a call."""
        self._forgotten.add(connection_id)

    def create(self, request: pb.CreateRoomRequest) -> ScriptedCall:
        """
        :raises Refusal: as CreateRoom documents.
        """
        if (again := self._made_before(request)) is not None:
            return again
        if request.room_name and (
            request.room_name in self.foreign_rooms or self._in_room(request.room_name)
        ):
            metadata = {"room_name": request.room_name}
            raise AlreadyExists("ROOM_TAKEN", "room_name is in use", metadata)
        return self._place(request)

    def join(self, request: pb.JoinRoomRequest) -> ScriptedCall:
        """
        :raises Refusal: as JoinRoom documents.
        """
        call = self._in_room(request.room_name)
        if call is None or call.call.tenant_id != request.tenant_id:
            return self._enter(request)
        if request.agent_id and request.agent_id != call.call.agent_id:
            metadata = {"agent_id": call.call.agent_id, "connection_id": call.call.connection_id}
            raise WrongState("OTHER_AGENT", "the room's call has another agent", metadata)
        if call.call.foreign_room and request.request_id == call.call.request_id != "":
            return call
        given = {field.name for field, _ in request.ListFields()}
        problem = "the room belongs to a call, which has this settled"
        if violations := [FieldViolation(name, problem) for name in _SETTLED if name in given]:
            raise InvalidRequest(violations)
        return call

    def _enter(self, request: pb.JoinRoomRequest) -> ScriptedCall:
        if not request.agent_id:
            problem = "required: this room belongs to no call"
            raise InvalidRequest([FieldViolation("agent_id", problem)])
        if request.room_name not in self.foreign_rooms:
            metadata = {"room_name": request.room_name}
            raise NotFound("ROOM_NOT_FOUND", "no such room", metadata)
        fields = json_format.MessageToDict(request)
        call = self._place(json_format.ParseDict(fields, pb.CreateRoomRequest()))
        call.call.foreign_room = True
        return call

    def _made_before(self, request: pb.CreateRoomRequest) -> ScriptedCall | None:
        key = (request.tenant_id, request.request_id)
        if not request.request_id or key not in self._made_by:
            return None
        body, call = self._made_by[key]
        if body != request.SerializeToString(deterministic=True):
            raise AlreadyExists("REQUEST_ID_REUSED", "request_id was used with another request")
        if call.is_over:
            metadata = {"connection_id": call.call.connection_id}
            raise WrongState("CALL_ENDED", "the call of this request_id has ended", metadata)
        return call

    def _place(self, request: pb.CreateRoomRequest) -> ScriptedCall:
        agent = self.agent(request.agent_id)
        language = request.voice_language or agent.default_language
        if request.voice_language and language not in agent.languages:
            spoken = ", ".join(agent.languages)
            problem = f"this agent does not speak {language}; it speaks {spoken}"
            raise InvalidRequest([FieldViolation("voice_language", problem)])
        if len(self.live) >= self.slots:
            self.refused += 1
            metadata = {"limit": "slots"}
            raise Exhausted("NO_FREE_SLOT", "every slot is taken", _FULL_RETRY_S, metadata)
        call = ScriptedCall(request, language, self._clock)
        self.calls[call.call.connection_id] = call
        if request.request_id:
            body = request.SerializeToString(deterministic=True)
            self._made_by[request.tenant_id, request.request_id] = body, call
        self._began(call)
        return call

    def _in_room(self, room_name: str) -> ScriptedCall | None:
        """Return the live call of a room."""
        found = [call for call in self.live if call.call.room_name == room_name]
        return found[0] if found else None
