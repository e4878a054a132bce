"""What the edge tells of every RPC, for whoever counts or traces them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from bridge.errors import Refusal

BEGIN_CALLS: Final = frozenset({"CreateRoom", "JoinRoom"})
"""The RPCs that begin a call, by the last part of their names."""


@dataclass(slots=True)
class Rpc:
    """One RPC. How it ended is set when it has."""

    method: str
    """As on the wire: /package.Service/Method."""
    is_stream: bool
    trace_context: Mapping[str, str] = field(default_factory=dict)
    """W3C's headers, where the asker sent them: traceparent, tracestate."""
    code: str = "OK"
    refusal: Refusal | None = None


RpcObserver = Callable[[Rpc], AbstractContextManager[None]]
"""Entered as an RPC begins, left once it is known how it ended."""
