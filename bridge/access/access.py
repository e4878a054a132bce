"""Who is asking: the credentials of one request become a principal, by whatever can check them."""

from collections.abc import Sequence
from typing import Final

from bridge.access.key_file import CREDENTIAL_PREFIX
from bridge.access.keyring import Keyring
from bridge.access.keys import PREFIX
from bridge.access.principal import ANYONE, Limits, Principal
from bridge.access.tokens import TokenChecker
from bridge.errors import Unauthenticated
from bridge.ids import TenantId

_SCHEME: Final = "bearer "


class Access:
    """Checks credentials. Without keys and tokens to check by, anyone may do anything."""

    def __init__(
        self,
        keyring: Keyring | None = None,
        tokens: TokenChecker | None = None,
        tenant_limits: Limits | None = None,
    ) -> None:
        self._keyring = keyring
        self._tokens = tokens
        self._tenant_limits = tenant_limits or Limits()

    async def principal(self, authorization: Sequence[str]) -> Principal:
        """Return who asks with these values of the header `authorization`.

        :raises Unauthenticated: nobody we know.
        :raises Forbidden: somebody who may do nothing here.
        :raises Unavailable: that cannot be checked at the moment.
        """
        if self._keyring is None and self._tokens is None:
            return ANYONE
        if not authorization:
            raise Unauthenticated("NO_CREDENTIALS", 'send "authorization: Bearer <key or token>"')
        if len(authorization) > 1:
            raise Unauthenticated.invalid("several at once")
        scheme, text = authorization[0][: len(_SCHEME)], authorization[0][len(_SCHEME) :].strip()
        if scheme.lower() != _SCHEME:
            raise Unauthenticated.invalid("not a bearer's")
        if text.startswith(PREFIX):
            if self._keyring is None:
                raise Unauthenticated.invalid("a key, where only tokens are taken")
            return await _of_key(self._keyring, text)
        if self._tokens is None:
            raise Unauthenticated.invalid("a token, where only keys are taken")
        return await self._tokens.principal(text)

    def is_current(self, principal: Principal) -> bool:
        """Tell whether who asked a while ago would still be let in; expiry is not looked at.

        Tokens cannot be revoked: theirs is a short life.
        """
        of_key = principal.credential.startswith(CREDENTIAL_PREFIX)
        return not of_key or (self._keyring is not None and self._keyring.is_current(principal))

    def tenant_limits(self, tenant_id: TenantId) -> Limits:
        if self._keyring is None:
            return self._tenant_limits
        return self._keyring.tenant_limits(tenant_id, self._tenant_limits)


async def _of_key(keyring: Keyring, text: str) -> Principal:
    try:
        return keyring.principal(text)
    except Unauthenticated:
        await keyring.look_again()
        return keyring.principal(text)
