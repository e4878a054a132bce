"""Which state may follow which."""

from collections.abc import Mapping
from typing import Final

from bridge.ports.call import CallState

NEXT: Final[Mapping[CallState, frozenset[CallState]]] = {
    CallState.CREATED: frozenset({CallState.WAITING, CallState.ENDING}),
    CallState.WAITING: frozenset({CallState.ACTIVE, CallState.RECONNECTING, CallState.ENDING}),
    CallState.ACTIVE: frozenset({CallState.RECONNECTING, CallState.ENDING}),
    CallState.RECONNECTING: frozenset({CallState.WAITING, CallState.ACTIVE, CallState.ENDING}),
    CallState.ENDING: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}


def check_move(before: CallState, after: CallState) -> None:
    """
    :raises AssertionError: `after` cannot follow `before`; a defect of the caller.
    """
    if after not in NEXT[before]:
        raise AssertionError(f"a call cannot go from {before.value} to {after.value}")
