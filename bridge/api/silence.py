"""What a request wants done when nobody speaks becomes domain values here."""

from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.durations import SILENCE_STEP_RANGE_S
from bridge.ports.agent import SilenceStep
from bridge.v1 import agent_pb2


def parse(policy: agent_pb2.SilencePolicy, wrong: Violations) -> tuple[SilenceStep, ...]:
    """Return the steps; what they say, and their order, is checked by the agent's own rules."""
    return tuple(
        _step(step, f"agent.silence.steps[{index}].", wrong)
        for index, step in enumerate(policy.steps)
    )


def _step(asked: agent_pb2.SilencePolicy.Step, field: str, wrong: Violations) -> SilenceStep:
    least_s, _ = SILENCE_STEP_RANGE_S
    if not asked.HasField("after"):
        wrong.add(f"{field}after", "required")
    after_s = span(asked, "after", *SILENCE_STEP_RANGE_S, wrong, prefix=field)
    return SilenceStep(
        least_s if after_s is None else after_s,
        asked.say if asked.HasField("say") else None,
        asked.prompt if asked.HasField("prompt") else None,
        asked.end,
    )
