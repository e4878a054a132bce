"""How do users test their own gateways: a bridge that does as their test says, on a real socket.

It needs the base install only, and no LiveKit, model or network:

async with ScriptedBridge() as bridge:
    bridge.each_call(CallerJoins(), AgentSays("Hello."), CallerSays("Bye."), CallerLeaves())
    bridge.refuse("CreateRoom", Exhausted("NO_FREE_SLOT", "every slot is taken", retry_after_s=5))
    ...  # run the gateway against bridge.target, in any language

What it answers where nothing is scripted is what a real bridge would: one suite of tests holds both
to it (tests/contract/test_bridge_contract.py). Its calls are lists of events; nobody hears them.
"""

from bridge.errors import (
    AlreadyExists,
    Exhausted,
    FieldViolation,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutOfRange,
    Refusal,
    Unauthenticated,
    Unavailable,
    WrongState,
)
from bridge.testing.scripted_bridge import ScriptedBridge
from bridge.testing.scripted_call import ScriptedCall
from bridge.testing.steps import (
    AgentSays,
    CallEnds,
    CallerJoins,
    CallerLeaves,
    CallerSays,
    Happens,
    Hold,
    ModelCallsTool,
    Step,
)

__all__ = [
    "AgentSays",
    "AlreadyExists",
    "CallEnds",
    "CallerJoins",
    "CallerLeaves",
    "CallerSays",
    "Exhausted",
    "FieldViolation",
    "Forbidden",
    "Happens",
    "Hold",
    "InvalidRequest",
    "ModelCallsTool",
    "NotFound",
    "OutOfRange",
    "Refusal",
    "ScriptedBridge",
    "ScriptedCall",
    "Step",
    "Unauthenticated",
    "Unavailable",
    "WrongState",
]
