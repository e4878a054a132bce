"""The calls that are simulated: every option that changes how a call lives."""

from dataclasses import replace
from typing import Final

from hypothesis import strategies as st

from bridge.ports.agent import (
    GreetingManner,
    InterruptionRules,
    PromptGreeting,
    ResolvedAgent,
    SayGreeting,
    SilenceStep,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.call import CallSpec, StartPolicy
from bridge.ports.tool import ToolMode, ToolReaction, ToolSpec
from tests.fakes.agents import SILENT, SPEC
from tests.unit.calls.rig import with_limits

_OBJECT: Final = {"type": "object"}
TOOLS: Final = (
    ToolSpec("hang_up", "Ends the call.", _OBJECT, terminal=True),
    ToolSpec("lookup", "Looks up.", _OBJECT, filler_text="One moment.", timeout_text="Sorry."),
    ToolSpec(
        "slow",
        "Takes its time.",
        _OBJECT,
        mode=ToolMode.ASYNC,
        reaction=ToolReaction.SPEAK_IF_SILENT,
    ),
    ToolSpec("fragile", "Stops early.", _OBJECT, cancel_on_interruption=True),
)
_MANNERS: Final = st.builds(
    GreetingManner,
    interruptible=st.booleans(),
    guard=st.booleans(),
    delay_s=st.sampled_from([0.0, 1.5]),
)
_SILENCES: Final = (
    (),
    (SilenceStep(after_s=5, say="Are you there?"), SilenceStep(after_s=5, say="Bye.", ends=True)),
)


def _agent(base: ResolvedAgent) -> st.SearchStrategy[ResolvedAgent]:
    return st.builds(
        lambda greeting, rules, silence, interruptible, own_answers: replace(
            base,
            greeting=greeting,
            interruption=rules,
            silence=silence,
            model=replace(
                base.model,
                tools=TOOLS,
                interruptible=interruptible,
                create_response=own_answers,
            ),
        ),
        st.one_of(
            st.just(UserFirst()),
            st.builds(SayGreeting, st.just("Welcome."), _MANNERS),
            st.builds(PromptGreeting, st.just("Greet."), _MANNERS),
        ),
        st.builds(
            InterruptionRules,
            min_speech_s=st.sampled_from([0.0, 0.3]),
            resume_after_s=st.sampled_from([0.0, 1.0]),
            echo_guard_s=st.sampled_from([0.0, 2.0]),
        ),
        st.sampled_from(_SILENCES),
        st.booleans(),
        st.booleans(),
    )


SPECS: Final[st.SearchStrategy[CallSpec]] = st.builds(
    lambda agent, policy, foreign, max_tokens, farewell: replace(
        with_limits(SPEC, max_duration_s=120, time_exceeded_text=farewell),
        agent=agent,
        start_policy=policy,
        foreign_room=foreign,
        budget=Budget(max_tokens=max_tokens),
    ),
    _agent(SILENT),
    st.sampled_from(StartPolicy),
    st.booleans(),
    st.sampled_from([10_000, 10**9]),
    st.sampled_from([None, "Our time is up."]),
)
