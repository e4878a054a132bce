"""Where is a provider of realtime models, and how does one sign in?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

OPENAI: Final = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Provider:
    """An address, and what signs in there.

    :raises ValueError: the key is missing, or the address cannot be one.
    """

    api_key: str = field(repr=False)
    base_url: str = OPENAI

    def __post_init__(self) -> None:
        if not self.api_key:
            raise ValueError("api_key is missing")
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("base_url is no http address")

    def with_key(self, api_key: str) -> Self:
        return replace(self, api_key=api_key)

    @property
    def realtime_url(self) -> str:
        """Return the address of realtime WebSockets, without a model."""
        parts = self._at("realtime")
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit(parts._replace(scheme=scheme))

    def session_url(self, model: str) -> str:
        """Return the address of a session's WebSocket; a query of the base's own stays."""
        parts = urlsplit(self.realtime_url)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("model", model)])
        return urlunsplit(parts._replace(query=query))

    def headers(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return what signs in, and more."""
        return {"Authorization": f"Bearer {self.api_key}", **more}

    def _at(self, path: str) -> SplitResult:
        parts = urlsplit(self.base_url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{path}", fragment="")
