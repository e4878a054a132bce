"""How is it written in an agent's file that an HTTP endpoint executes a tool?"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from bridge.agents.outside import Headers, Url
from bridge.files.checked import Part
from bridge.ports.tool import ArgumentsIn, HttpExecution

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_WITHOUT_BODY: Final = frozenset({"GET", "DELETE"})


class HttpPart(Part):
    """Where a tool's calls are sent, and how."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Url
    headers: Headers = Field(default_factory=dict)
    arguments: Literal["body", "query"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.method in _WITHOUT_BODY and self.arguments == "body":
            raise ValueError(f"{self.method} has no body: arguments must be query")
        return self

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what of the URL the tool's arguments cannot fill in."""
        required = parameters.get("required", [])
        for name in _PLACEHOLDER.findall(self.url):
            if name not in required or name not in parameters.get("properties", {}):
                return f"http.url: {{{name}}} must be one of the parameters, and required"
        return None

    def execution(self) -> HttpExecution:
        default = "query" if self.method in _WITHOUT_BODY else "body"
        return HttpExecution(
            self.method, self.url, dict(self.headers), ArgumentsIn(self.arguments or default)
        )
