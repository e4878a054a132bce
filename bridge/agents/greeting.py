"""What does an agent say first: how is it written in its file, and what gets a call?"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from bridge.agents.prompt import NAMELESS, fill
from bridge.agents.templates import ShortText
from bridge.durations import GREETING_DELAY_RANGE_S, parse_duration_s, within
from bridge.files.checked import Part
from bridge.ports.agent import (
    Greeting,
    GreetingChange,
    GreetingManner,
    PromptGreeting,
    SayGreeting,
    UserFirst,
)


class GreetingPart(Part):
    """What the agent says first, exactly one of the first three, and how."""

    text: ShortText | None = None
    prompt: ShortText | None = None
    user_first: Literal[True] | None = None
    interruptible: bool = True
    guard: bool = False
    delay: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(GREETING_DELAY_RANGE_S))
    ] = 0.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(way is not None for way in (self.text, self.prompt, self.user_first)) != 1:
            raise ValueError("must be exactly one of text, prompt and user_first")
        without_effect = {"interruptible", "guard", "delay"} & self.model_fields_set
        if self.user_first and without_effect:
            raise ValueError(f"{', '.join(sorted(without_effect))}: no greeting, no effect")
        return self


def greeting_of(part: GreetingPart, change: GreetingChange, values: Mapping[str, str]) -> Greeting:
    """Return the greeting with what a call changes of it, its placeholders filled."""
    manner = GreetingManner(
        interruptible=part.interruptible if change.interruptible is None else change.interruptible,
        guard=part.guard if change.guard is None else change.guard,
        delay_s=part.delay if change.delay_s is None else change.delay_s,
    )
    match change.greeting or _own(part):
        case SayGreeting(text):
            return SayGreeting(fill(text, values), manner)
        case PromptGreeting(prompt):
            named = {**values, "caller_name": values["caller_name"] or NAMELESS}
            return PromptGreeting(fill(prompt, named), manner)
        case UserFirst() as nothing:
            return nothing


def as_written(change: GreetingChange) -> dict[str, object] | None:
    """Return a change's words as a file would have them; None if it has none."""
    match change.greeting:
        case SayGreeting(text):
            return {"text": text}
        case PromptGreeting(prompt):
            return {"prompt": prompt}
        case UserFirst():
            return {"user_first": True}
        case None:
            return None


def manner_without_effect(part: GreetingPart, change: GreetingChange) -> list[str]:
    """Return which of a change's fields mean nothing, because the agent does not greet."""
    if not isinstance(change.greeting or _own(part), UserFirst):
        return []
    given = {
        "interruptible": change.interruptible,
        "guard": change.guard,
        "delay": change.delay_s,
    }
    return [name for name, value in given.items() if value is not None]


def _own(part: GreetingPart) -> Greeting:
    if part.text is not None:
        return SayGreeting(part.text)
    if part.prompt is not None:
        return PromptGreeting(part.prompt)
    return UserFirst()
