"""A text in an agent's file whose placeholders are filled in by each call."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo

from bridge.agents.prompt import Known, placeholder_problem

# As in proto/bridge/v1/agent.proto.
MAX_SHORT_CHARS: Final = 4_096


def _template(text: str, info: ValidationInfo) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    known = info.context if isinstance(info.context, Known) else Known()
    if problem := placeholder_problem(text, known):
        raise ValueError(problem)
    return text


TEMPLATE: Final = AfterValidator(_template)
"""Validate with a `Known` as context: which placeholders there are stands in the file itself."""

ShortText = Annotated[str, Field(max_length=MAX_SHORT_CHARS), TEMPLATE]
