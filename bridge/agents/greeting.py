"""What does an agent say first in one call, and how?"""

from collections.abc import Mapping

from bridge.agents.prompt import NAMELESS, fill
from bridge.agents.schema import GreetingPart
from bridge.ports.agent import (
    Greeting,
    GreetingChange,
    GreetingManner,
    PromptGreeting,
    SayGreeting,
    UserFirst,
)


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
