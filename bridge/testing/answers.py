"""What does a scripted bridge answer: what was scripted next, else what its front says."""

import re
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.protobuf.message import Message

from bridge.errors import Refusal, Unauthenticated
from bridge.testing.front import Front
from bridge.testing.tool_desk import Requests, ToolDesk

Context = grpc.aio.ServicerContext[Any, Any]
Outcome = Refusal | tuple[Message, ...]


class Answers:
    """Remembers what was asked, and raises refusals."""

    def __init__(self, front: Front, tools: ToolDesk, api_key: str) -> None:
        self.requests: list[Message] = []
        self.metadata: list[Mapping[str, str]] = []
        self.scripted: defaultdict[str, deque[Outcome]] = defaultdict(deque)
        """What the next RPCs of a method get, by its name."""
        self._front = front
        self._tools = tools
        self._api_key = api_key

    async def unary(self, method: str, request: Message, context: Context) -> Message:
        self._note(request, context)
        outcome = self._next(method)
        if outcome is not None:
            return outcome[0]
        answer: Message = self._default(method)(request)
        return answer

    async def stream(
        self, method: str, request: Message, context: Context
    ) -> AsyncIterator[Message]:
        self._note(request, context)
        outcome = self._next(method)
        if outcome is not None:
            for message in outcome:
                yield message
            return
        async for message in self._default(method)(request):
            yield message

    async def tools(self, method: str, requests: Requests, context: Context) -> None:
        """Serve one tool server; its registration is noted as the request."""

        async def noted() -> AsyncIterator[Any]:
            async for request in requests:
                if request.HasField("register"):
                    self.requests.append(request)
                yield request

        self._admit(context)
        self._next(method)
        await self._tools.serve(noted(), context)

    def _note(self, request: Message, context: Context) -> None:
        self._admit(context)
        self.requests.append(request)

    def _admit(self, context: Context) -> None:
        sent = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.metadata.append(sent)
        if self._api_key and sent.get("authorization") != f"Bearer {self._api_key}":
            if "authorization" not in sent:
                raise Unauthenticated("NO_CREDENTIALS", "no credentials were sent")
            raise Unauthenticated.invalid("not the scripted key")

    def _next(self, method: str) -> tuple[Message, ...] | None:
        outcome = self.scripted[method].popleft() if self.scripted[method] else None
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    def _default(self, method: str) -> Any:  # noqa: ANN401 - takes and returns any message
        return getattr(self._front, behaviour_of(method))


def behaviour_of(method: str) -> str:
    """Return which method of a front answers an RPC: `get_stats` for GetStats."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
