"""What the edge tells of every RPC, for whoever counts or traces them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bridge.errors import Refusal


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
