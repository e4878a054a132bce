"""Tokens: which are good, what they let whom do, and everything that is wrong with the others."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.access.jwks import RETRY_S, Jwks
from bridge.access.principal import Limits, Principal, Scope
from bridge.access.tokens import ALGORITHMS, TokenChecker
from bridge.errors import Forbidden, Unauthenticated, Unavailable
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import (
    AUDIENCE,
    ISSUER,
    RULES,
    FakeJwksSource,
    Signer,
    encoded,
    forged,
    jwks_of,
)

SIGNER = Signer("k1")
OTHER = Signer("k2")
# Two seconds to make: once for all tests.
RSA = Signer("r1", rsa.generate_private_key(public_exponent=65537, key_size=2048))


class Checked:
    """A checker, the issuer's keys, and time."""

    def __init__(self, *signers: Signer) -> None:
        self.clock = FakeClock()
        self.source = FakeJwksSource(*(signers or (SIGNER,)))
        self.jwks = Jwks(self.source, self.clock)
        self.checker = TokenChecker(self.jwks, RULES, Limits(calls=4))

    async def principal(self, token: str) -> Principal:
        return await self.checker.principal(token)

    async def why_not(self, token: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            await self.checker.principal(token)
        return refused.value.reason


@pytest.fixture
def checked() -> Checked:
    return Checked()


@pytest.mark.parametrize(
    "signer", [SIGNER, RSA, Signer("e1", ed25519.Ed25519PrivateKey.generate())]
)
async def test_token_gives_its_tenant_and_scopes(signer: Signer) -> None:
    checked = Checked(signer)
    principal = await checked.principal(signer.token(scope="calls:read openid tools:serve"))
    assert (principal.name, principal.credential) == ("gateway", "jwt:gateway")
    assert principal.tenant_id == "acme"
    assert principal.scopes == {Scope.CALLS_READ, Scope.TOOLS_SERVE}
    assert principal.limits == Limits(calls=4)
    assert principal.expires_at is not None
    assert 600 < principal.expires_at.timestamp() - time.time() < 660


@pytest.mark.parametrize("scope", [["calls:read"], "calls:read", ["x", "calls:read", 7]])
async def test_scopes_are_a_list_or_words(checked: Checked, scope: object) -> None:
    principal = await checked.principal(SIGNER.token(scope=scope))
    assert principal.scopes == {Scope.CALLS_READ}


@pytest.mark.parametrize("scope", [None, "", 7, {}, "Calls:Read", "calls:*"])
async def test_what_is_no_scope_of_ours_allows_nothing(checked: Checked, scope: object) -> None:
    assert (await checked.principal(SIGNER.token(scope=scope))).scopes == frozenset()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "somebody else"}, "INVALID_CREDENTIALS"),
        ({"aud": None}, "INVALID_CREDENTIALS"),
        ({"iss": "https://evil.test"}, "INVALID_CREDENTIALS"),
        ({"iss": None}, "INVALID_CREDENTIALS"),
        ({"sub": None}, "INVALID_CREDENTIALS"),
        ({"exp": None}, "INVALID_CREDENTIALS"),
        ({"exp": time.time() - 60}, "TOKEN_EXPIRED"),
        ({"exp": "tomorrow"}, "INVALID_CREDENTIALS"),
        ({"exp": float("inf")}, "INVALID_CREDENTIALS"),
        ({"exp": 1e18}, "INVALID_CREDENTIALS"),
        ({"exp": 2**70}, "INVALID_CREDENTIALS"),
        # Tests run long after their parameters were made.
        ({"nbf": time.time() + 86_400}, "INVALID_CREDENTIALS"),
        ({"tenant": 42}, "INVALID_CREDENTIALS"),
        ({"tenant": ""}, "INVALID_CREDENTIALS"),
        ({"tenant": "a\nb"}, "INVALID_CREDENTIALS"),
        ({"tenant": ["acme", "other"]}, "INVALID_CREDENTIALS"),
    ],
)
async def test_wrong_claim_is_refused(
    checked: Checked, changes: dict[str, Any], reason: str
) -> None:
    assert await checked.why_not(SIGNER.token(**changes)) == reason


async def test_one_of_several_audiences_is_enough(checked: Checked) -> None:
    await checked.principal(SIGNER.token(aud=["x", AUDIENCE]))


async def test_expiry_of_a_token_that_anybody_signed_is_not_told(checked: Checked) -> None:
    impostor = Signer("k1")
    assert await checked.why_not(impostor.token(exp=time.time() - 60)) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS256", "XX"])
async def test_unsigned_token_is_refused(checked: Checked, alg: str | None) -> None:
    assert await checked.why_not(forged({"alg": alg, "kid": "k1"})) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("signer", [SIGNER, RSA])
async def test_public_key_signs_nothing_as_a_secret(signer: Signer) -> None:
    checked = Checked(signer)
    for secret in (signer.public_pem(), json.dumps(signer.jwk()).encode()):
        token = forged({"alg": "HS256", "kid": signer.key_id}, secret)
        assert await checked.why_not(token) == "INVALID_CREDENTIALS"


async def test_symmetric_key_in_a_jwks_is_no_key(checked: Checked) -> None:
    secret = b"s" * 32
    entry = {"kty": "oct", "kid": "h1", "alg": "HS256", "k": encoded(secret)}
    checked.source.raw = jwks_of(SIGNER.jwk(), entry)
    token = forged({"alg": "HS256", "kid": "h1"}, secret)
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"


def test_no_symmetric_algorithm_can_be_allowed() -> None:
    assert not any(name.startswith(("HS", "none")) for name in ALGORITHMS)


async def test_algorithm_that_is_not_allowed_is_refused() -> None:
    signer = Signer("s1", ec.generate_private_key(ec.SECP256K1()))
    checked = Checked(signer)
    checked.source.raw = jwks_of(signer.jwk(alg="ES256K"))
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": time.time() + 60, "tenant": "acme"}
    token = jwt.encode(claims, signer.private, algorithm="ES256K", headers={"kid": "s1"})
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
async def test_algorithm_is_the_keys_own(algorithm: str) -> None:
    checked = Checked(RSA)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": time.time() + 60, "tenant": "acme"}
    token = jwt.encode(claims, RSA.private, algorithm=algorithm, headers={"kid": "r1"})
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"
    checked.source.raw = jwks_of(RSA.jwk(alg=algorithm))
    await checked.jwks.refresh()
    await checked.principal(token)


async def test_key_given_in_the_token_itself_is_not_believed(checked: Checked) -> None:
    token = OTHER.token(headers={"kid": "k1", "jwk": OTHER.jwk(), "jku": "https://evil.test/jwks"})
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"
    assert checked.source.reads == 1


async def test_extension_that_must_be_understood_and_is_not_is_refused(checked: Checked) -> None:
    token = SIGNER.token(headers={"crit": ["evil"], "evil": 1})
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "..", "eyJ.eyJ.", "ü" * 9, "." * 9000])
async def test_what_is_no_token_is_refused(checked: Checked, text: str) -> None:
    assert await checked.why_not(text) == "INVALID_CREDENTIALS"


@given(
    header=st.one_of(
        st.binary(max_size=300),
        st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]),
            st.recursive(
                st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=9)),
                lambda inner: st.lists(inner, max_size=3),
                max_leaves=5,
            ),
        ).map(lambda header: json.dumps({"alg": "ES256", "kid": "k1", **header}).encode()),
        st.sampled_from([b"[" * 9000, b'{"kid":"k1","n":' + b"9" * 9000 + b"}"]),
    ),
    rest=st.text(alphabet="abcXYZ019-_.=", max_size=40),
)
@settings(max_examples=300, deadline=None)
async def test_whatever_stands_in_a_header_is_refused_and_no_defect(
    header: bytes, rest: str
) -> None:
    assert await Checked().why_not(f"{encoded(header)}.{rest}") == "INVALID_CREDENTIALS"


async def test_token_with_a_changed_word_is_refused(checked: Checked) -> None:
    head, _, signature = SIGNER.token().split(".")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": time.time() + 60, "scope": "admin"}
    token = f"{head}.{encoded(json.dumps(claims).encode())}.{signature}"
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("headers", [None, {"kid": ""}])
async def test_token_without_a_key_id_is_refused(checked: Checked, headers: Any) -> None:
    token = jwt.encode({"sub": "x"}, SIGNER.private, algorithm="ES256", headers=headers)
    assert await checked.why_not(token) == "INVALID_CREDENTIALS"


async def test_token_without_a_tenant_is_an_admins_or_nobodys(checked: Checked) -> None:
    with pytest.raises(Forbidden) as refused:
        await checked.principal(SIGNER.token(tenant=None))
    assert refused.value.reason == "NO_TENANT"
    admin = await checked.principal(SIGNER.token(tenant=None, scope="admin"))
    assert admin.tenant_id is None


async def test_new_key_is_found_without_a_restart(checked: Checked) -> None:
    await checked.principal(SIGNER.token())
    checked.source.publish(SIGNER, OTHER)
    await checked.clock.advance(RETRY_S)
    await checked.principal(OTHER.token())
    await checked.principal(SIGNER.token())
    assert checked.source.reads == 2


async def test_withdrawn_key_is_no_longer_believed(checked: Checked) -> None:
    await checked.principal(SIGNER.token())
    checked.source.publish(OTHER)
    await checked.jwks.refresh()
    assert await checked.why_not(SIGNER.token()) == "INVALID_CREDENTIALS"


async def test_made_up_key_ids_cause_no_flood_of_fetches(checked: Checked) -> None:
    await checked.principal(SIGNER.token())
    for number in range(50):
        await checked.why_not(SIGNER.token(headers={"kid": f"made-up-{number}"}))
    assert checked.source.reads == 1


async def test_nobody_is_refused_for_a_jwks_that_never_came(checked: Checked) -> None:
    checked.source.broken = True
    with pytest.raises(Unavailable) as refused:
        await checked.principal(SIGNER.token())
    assert refused.value.retry_after_s == RETRY_S
    checked.source.broken = False
    await checked.clock.advance(RETRY_S)
    await checked.principal(SIGNER.token())
