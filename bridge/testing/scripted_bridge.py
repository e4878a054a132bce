"""A bridge that does as a test says: a gRPC server on a free port of loopback."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from bridge.clock import SystemClock
from bridge.errors import Refusal, Unavailable
from bridge.groups import only_error
from bridge.ports.clock import Clock
from bridge.testing.answers import Answers
from bridge.testing.front import Front
from bridge.testing.placing import Placing
from bridge.testing.scripted_call import ScriptedCall
from bridge.testing.services import METHODS, handlers
from bridge.testing.steps import Step
from bridge.testing.tool_desk import ToolDesk
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import tool_service_pb2 as tool_pb

GREETER: Final = pb.AgentSummary(
    agent_id="greeter", name="Ava", languages=["en"], default_language="en"
)
"""Who answers where a test names nobody else."""

_TOOL_TIMEOUT_S: Final = 10.0


class ScriptedBridge:
    """`async with` serves it; leaving breaks off whatever is open."""

    def __init__(
        self,
        *,
        agents: Sequence[pb.AgentSummary] = (GREETER,),
        slots: int = 100,
        api_key: str = "",
        clock: Clock | None = None,
    ) -> None:
        """
        :param api_key: refuse whoever does not send it; empty: let anyone in.
        """
        clock = clock or SystemClock()
        self._placing = Placing(agents, slots, clock, self._begin)
        self._tools = ToolDesk(clock)
        self._answers = Answers(Front(self._placing, clock), self._tools, api_key)
        self._scripts: dict[str, Sequence[Step]] = {}
        self._next_scripts: deque[Sequence[Step]] = deque()
        self._playing: set[asyncio.Task[None]] = set()
        self._tasks = asyncio.TaskGroup()
        self._resources = AsyncExitStack()
        self._target = ""

    @property
    def requests(self) -> Sequence[Message]:
        """All that was asked, in order; of tool servers, their registrations."""
        return tuple(self._answers.requests)

    @property
    def metadata(self) -> Sequence[Mapping[str, str]]:
        """What came with each RPC, in order."""
        return tuple(self._answers.metadata)

    @property
    def target(self) -> str:
        """Where clients of any language connect to."""
        return self._target

    @property
    def calls(self) -> Sequence[ScriptedCall]:
        """All calls there have been, the oldest first."""
        return tuple(self._placing.calls.values())

    def call(self, connection_id: str) -> ScriptedCall:
        """
        :raises NotFound: there never was one.
        """
        return self._placing.call(connection_id)

    def each_call(self, *steps: Step, agent_id: str = "") -> None:
        """Let these steps happen in every call, or in those with one agent, from its beginning."""
        self._scripts[agent_id] = steps

    def next_call(self, *steps: Step) -> None:
        """Let these steps happen in the next call that has no script of its own yet."""
        self._next_scripts.append(steps)

    async def play(self, connection_id: str, *steps: Step) -> None:
        """Let these steps happen now, and return behind the last one."""
        await self.call(connection_id).play(steps, self._tools.execute)

    def answer(self, method: str, *messages: Message) -> None:
        """Answer the next RPC of a method, such as "GetStats", by this; a stream, by all of them.

        :raises ValueError: there is no such method, or it answers otherwise.
        """
        descriptor = _method(method)
        wanted = GetMessageClass(descriptor.output_type)
        if not all(isinstance(message, wanted) for message in messages):
            raise ValueError(f"{method} answers {wanted.DESCRIPTOR.full_name}")
        if not descriptor.server_streaming and len(messages) != 1:
            raise ValueError(f"{method} answers exactly once")
        self._answers.scripted[method].append(messages)

    def refuse(self, method: str, refusal: Refusal, times: int = 1) -> None:
        """Refuse the next RPCs of a method.

        :raises ValueError: there is no such method.
        """
        self._answers.scripted[_method(method).name].extend([refusal] * times)

    def break_watches(self, refusal: Refusal | None = None) -> None:
        """Break off every open WatchEvents stream; who watches again is served."""
        away = Unavailable("SERVER_STOPPING", "this server is stopping", 0.0)
        for call in self.calls:
            call.log.break_off(refusal or away)

    def add_foreign_room(self, room_name: str) -> None:
        """Let there be a room on LiveKit that belongs to no call, for JoinRoom."""
        self._placing.foreign_rooms.add(room_name)

    @property
    def tool_servers(self) -> Sequence[tool_pb.ToolRegistration]:
        """Who has registered for tools, and is still there."""
        return tuple(self._tools.registrations)

    async def invoke_tool(
        self, invocation: tool_pb.ToolInvocation, timeout_s: float = _TOOL_TIMEOUT_S
    ) -> tool_pb.ToolResult:
        """Ask a registered tool server as a model would; its failure is a result, too."""
        return await self._tools.execute(invocation, timeout_s)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(only_error())
            await stack.enter_async_context(self._tasks)
            stack.callback(self._stop_playing)
            server = grpc.aio.server()
            server.add_generic_rpc_handlers(tuple(handlers(self._answers)))
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            stack.push_async_callback(server.stop, None)
            self._target = f"127.0.0.1:{port}"
            self._resources = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._resources.__aexit__(kind, error, traceback)

    def _begin(self, call: ScriptedCall) -> None:
        """Play a new call's script."""
        agents = (call.call.agent_id, "")
        scripts = [self._scripts[agent_id] for agent_id in agents if agent_id in self._scripts]
        steps = self._next_scripts.popleft() if self._next_scripts else next(iter(scripts), ())
        playing = call.play(steps, self._tools.execute)
        task = self._tasks.create_task(playing, name=f"script of {call.call.connection_id}")
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    def _stop_playing(self) -> None:
        for task in self._playing:
            task.cancel()


def _method(name: str) -> MethodDescriptor:
    if name not in METHODS:
        raise ValueError(f"there is no RPC {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name]
