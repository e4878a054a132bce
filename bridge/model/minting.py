"""How does the provider make a short-lived key? Asked by the openai package, which is slow to load.

Its 500 modules are two fifths of what it takes to load a worker. Workers make no keys, and do
without. A front loads it for the first key; as it starts, where connections wait for keys.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from bridge.errors import ModelError, ModelFailure
from bridge.model.failures import http_error, refusal_code
from bridge.model.provider import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.realtime.client_secret_create_params import Session

# What would be read from the environment, and has no setting of ours.
_UNSENT: Final = ("OpenAI-Organization", "OpenAI-Project")


class KeyMaker:
    """Asks one provider for keys. `aclose` lets go of its HTTP connections."""

    def __init__(self, provider: Provider, deadline_s: float) -> None:
        self._provider = provider
        self._deadline_s = deadline_s
        self._client: AsyncOpenAI | None = None

    async def load(self) -> None:
        """Load the package, beside whatever else goes on."""
        if self._client is None:
            self._client = await asyncio.to_thread(_client, self._provider)

    async def make(
        self, session: Mapping[str, object], ttl_s: int, headers: Mapping[str, str]
    ) -> bytes:
        """Return the provider's answer.

        :raises ModelError: it refused, or did not answer in time.
        """
        # In a thread: it would hold the event loop up for most of a second.
        await self.load()
        import openai  # noqa: PLC0415 - see above

        assert self._client is not None  # noqa: S101 - loaded just now
        secrets = self._client.realtime.client_secrets.with_raw_response
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await secrets.create(
                    session=cast("Session", session),
                    expires_after={"anchor": "created_at", "seconds": ttl_s},
                    extra_headers=headers,
                )
        # Not chained: the provider's words may quote the prompt or the key.
        except openai.APIStatusError as error:
            code = refusal_code(error.response.content)
            raise http_error(error.status_code, code) from None
        except (TimeoutError, openai.APITimeoutError):
            raise ModelError(ModelFailure.UNAVAILABLE, "deadline") from None
        except (openai.OpenAIError, ValueError) as error:
            raise ModelError(ModelFailure.UNAVAILABLE, type(error).__name__) from None
        return answer.content

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()


def _client(provider: Provider) -> "AsyncOpenAI":
    import openai  # noqa: PLC0415 - see above

    unsent: Mapping[str, openai.Omit] = {name: openai.Omit() for name in _UNSENT}
    client = openai.AsyncOpenAI(
        api_key=provider.api_key,
        base_url=provider.base_url,
        max_retries=0,  # the caller knows better whether another try is worth the wait
        default_headers=cast("Mapping[str, str]", unsent),
        # Whoever we would be sent on to must not get the key.
        http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
    )
    # The package loads this half of itself on first use.
    client.realtime  # noqa: B018
    return client
