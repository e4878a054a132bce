"""What happens when nobody speaks: how is it written in an agent's file, and what gets a call?"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.agents.prompt import fill
from bridge.agents.templates import ShortText
from bridge.durations import SILENCE_STEP_RANGE_S, parse_duration_s, within
from bridge.files.checked import Part
from bridge.ports.agent import SilenceStep


class SilenceStepPart(Part):
    """What happens when nobody has said anything for so long."""

    after: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(SILENCE_STEP_RANGE_S))
    ]
    say: ShortText | None = None
    prompt: ShortText | None = None
    end: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.say is not None and self.prompt is not None:
            raise ValueError("must be say or prompt, not both")
        if self.end and self.prompt is not None:
            raise ValueError("a step that ends the call says its last words with say")
        if not self.end and self.say is None and self.prompt is None:
            raise ValueError("must say or prompt something, or end the call")
        return self


def _end_is_last(steps: list[SilenceStepPart]) -> list[SilenceStepPart]:
    if any(step.end for step in steps[:-1]):
        raise ValueError("nothing follows a step that ends the call")
    return steps


SilenceSteps = Annotated[list[SilenceStepPart], Field(max_length=8), AfterValidator(_end_is_last)]


def steps_of(
    parts: Sequence[SilenceStepPart],
    change: Sequence[SilenceStep] | None,
    values: Mapping[str, str],
) -> tuple[SilenceStep, ...]:
    """Return a call's steps: its own in place of its agent's, if it has any wish."""
    steps = change
    if steps is None:
        steps = [SilenceStep(part.after, part.say, part.prompt, part.end) for part in parts]
    return tuple(
        SilenceStep(
            step.after_s,
            step.say and fill(step.say, values),
            step.prompt and fill(step.prompt, values),
            step.ends,
        )
        for step in steps
    )


def as_written(step: SilenceStep) -> dict[str, object]:
    """Return a step as a file would have it, for the file's rules."""
    return {"after": step.after_s, "say": step.say, "prompt": step.prompt, "end": step.ends}
