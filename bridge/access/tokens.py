"""Whose JSON Web Token is this, and what does it let them do?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from bridge.access.jwks import Jwks
from bridge.access.principal import Limits, Principal, Scope
from bridge.errors import Forbidden, Unauthenticated
from bridge.ids import TenantId

# Signed with the private half of a key of which we have the public one. Not in it: "none", and
# HMAC, with which a public key that is taken for a secret would sign anything.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

# How far apart the issuer's clock and ours may be.
_LEEWAY_S: Final = 30
_MAX_NAME: Final = 128
_SCOPES: Final[Mapping[str, Scope]] = {scope.value: scope for scope in Scope}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say, and where it says whom it lets do what."""

    issuer: str
    audience: str
    tenant_claim: str
    scope_claim: str


class TokenChecker:
    """Checks tokens against a JWKS."""

    def __init__(self, jwks: Jwks, rules: TokenRules, limits: Limits) -> None:
        self._jwks = jwks
        self._rules = rules
        self._limits = limits

    async def principal(self, token: str) -> Principal:
        """Return whom the token speaks of.

        :raises Unauthenticated: it proves nothing, or no longer.
        :raises Forbidden: it is good, but of no tenant.
        :raises Unavailable: there are no keys to check it by.
        """
        claims = await self._claims(token)
        scopes = _scopes(claims.get(self._rules.scope_claim))
        tenant_id = _tenant(claims, self._rules.tenant_claim)
        # All tenants' calls are seen only by who is said to be an admin, never by who is not said
        # to be anybody.
        if tenant_id is None and Scope.ADMIN not in scopes:
            raise Forbidden("NO_TENANT", f"the token has no claim {self._rules.tenant_claim}")
        subject = str(claims["sub"])
        return Principal(
            name=subject[:_MAX_NAME],
            credential=f"jwt:{subject}",
            tenant_id=tenant_id,
            scopes=scopes,
            expires_at=_expires_at(claims["exp"]),
            limits=self._limits,
        )

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise Unauthenticated.invalid("no token") from error
        if not key_id:
            raise Unauthenticated.invalid("a token without a key id")
        key = await self._jwks.key(key_id)
        if key is None:
            raise Unauthenticated.invalid("a token of an unknown key")
        try:
            return jwt.decode(
                token,
                key,
                algorithms=sorted(ALGORITHMS),
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("TOKEN_EXPIRED", "this token has expired") from error
        except jwt.PyJWTError as error:
            # The kind alone: the message may hold what the token says.
            raise Unauthenticated.invalid(type(error).__name__) from error


def _expires_at(claim: float) -> datetime:
    """
    :raises Unauthenticated: no calendar reaches that far.
    """
    try:
        return datetime.fromtimestamp(float(claim) + _LEEWAY_S, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unauthenticated.invalid("a token that never expires") from error


def _scopes(claim: object) -> frozenset[Scope]:
    """Return the scopes that are ours, of "a b" or ["a", "b"]; others are somebody else's."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(_SCOPES[word] for word in words if isinstance(word, str) and word in _SCOPES)


def _tenant(claims: Mapping[str, Any], name: str) -> TenantId | None:
    """Return the tenant; None only where the claim is not there at all.

    :raises Unauthenticated: the claim is no tenant's name.
    """
    if name not in claims:
        return None
    claim = claims[name]
    if not (isinstance(claim, str) and 0 < len(claim) <= _MAX_NAME and claim.isprintable()):
        raise Unauthenticated.invalid("a token whose tenant is no name")
    return TenantId(claim)
