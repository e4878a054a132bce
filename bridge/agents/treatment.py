"""How is it written in an agent's file how the conversation treats calls of a tool?"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.agents.templates import TEMPLATE
from bridge.durations import (
    FILLER_AFTER_RANGE_S,
    TOOL_TIMEOUT_RANGE_S,
    parse_duration_s,
    within,
)
from bridge.files.checked import Part
from bridge.ports.tool import (
    MAX_TOOL_TEXT_CHARS,
    TOOL_NAME,
    TOOL_NAME_RULE,
    ToolExecution,
    ToolMode,
    ToolReaction,
    ToolSpec,
)


def _tool_name(name: str) -> str:
    if not TOOL_NAME.fullmatch(name):
        raise ValueError(f"must be {TOOL_NAME_RULE}")
    return name


Name = Annotated[str, AfterValidator(_tool_name)]
Said = Annotated[str, Field(max_length=MAX_TOOL_TEXT_CHARS), TEMPLATE]


class Treatment(Part):
    """What happens while a tool works, and when its time is up."""

    timeout: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(TOOL_TIMEOUT_RANGE_S))
    ] = 10.0
    mode: Literal["blocking", "async"] = "blocking"
    reaction: Literal["speak", "listen", "speak_if_silent"] = "speak"
    cancel_on_interruption: bool = False
    filler_text: Said | None = None
    filler_after: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(FILLER_AFTER_RANGE_S))
    ] = 1.0
    timeout_text: Said | None = None

    @model_validator(mode="after")
    def _filler_fits(self) -> Self:
        if "filler_after" in self.model_fields_set and self.filler_text is None:
            raise ValueError("filler_after says when filler_text is said, which is missing")
        if self.filler_text is not None and self.filler_after >= self.timeout:
            raise ValueError("filler_after must be shorter than timeout")
        return self

    def specification(
        self,
        name: str,
        description: str,
        parameters: Mapping[str, Any],
        execution: ToolExecution,
        *,
        terminal: bool = False,
    ) -> ToolSpec:
        """Return a tool that is treated so."""
        return ToolSpec(
            name=name,
            description=description,
            parameters=parameters,
            timeout_s=self.timeout,
            mode=ToolMode(self.mode),
            reaction=ToolReaction(self.reaction),
            terminal=terminal,
            cancel_on_interruption=self.cancel_on_interruption,
            filler_text=self.filler_text,
            filler_after_s=self.filler_after,
            timeout_text=self.timeout_text,
            execution=execution,
        )
