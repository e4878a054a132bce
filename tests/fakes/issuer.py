"""An issuer of tokens: keys made for the test, their JWKS, and tokens right or wrong."""

import base64
import hmac
import json
import time
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from bridge.access.jwks import BadJwks
from bridge.access.tokens import TokenRules

ISSUER = "https://issuer.test"
AUDIENCE = "mediabridge"
RULES = TokenRules(
    issuer=ISSUER,
    audience=AUDIENCE,
    tenant_claim="tenant",
    scope_claim="scope",
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Signer:
    """One private key."""

    def __init__(self, key_id: str, private: PrivateKey | None = None) -> None:
        self.key_id = key_id
        self.private = private or ec.generate_private_key(ec.SECP256R1())

    @property
    def algorithm(self) -> str:
        match self.private:
            case rsa.RSAPrivateKey():
                return "RS256"
            case ed25519.Ed25519PrivateKey():
                return "EdDSA"
            case _:
                return "ES256"

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public half."""
        match self.private:
            case rsa.RSAPrivateKey():
                entry = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            case ed25519.Ed25519PrivateKey():
                entry = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            case _:
                entry = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        # Python's own name for it differs from the registered one in old releases.
        return {**entry, "kid": self.key_id, "use": "sig", "alg": self.algorithm, **changes}

    def private_jwk(self) -> dict[str, Any]:
        """Return what never belongs into a JWKS."""
        assert isinstance(self.private, ec.EllipticCurvePrivateKey)
        entry: dict[str, Any] = ECAlgorithm.to_jwk(self.private, as_dict=True)
        return {**entry, "kid": self.key_id, "use": "sig", "alg": "ES256"}

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    def private_pem(self) -> bytes:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def token(self, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a token that is good, but for the claims that are changed; None takes one out."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "gateway",
            "exp": time.time() + 600,
            "tenant": "acme",
            "scope": "calls:read",
            **changes,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            given,
            self.private,
            algorithm=self.algorithm,
            headers={"kid": self.key_id, **(headers or {})},
        )


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None = None) -> str:
    """Return a token whose header says what it likes; signed by HMAC, or not at all."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": time.time() + 600}
    claims |= {"tenant": "acme", "scope": "admin"}
    head = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    signature = hmac.new(secret, head.encode(), sha256).digest() if secret else b""
    return f"{head}.{encoded(signature)}"


def jwks_of(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


class FakeJwksSource:
    """Implements JwksSource with what a test says; counts how often it was read."""

    def __init__(self, *signers: Signer) -> None:
        self.raw = jwks_of(*(signer.jwk() for signer in signers))
        self.broken = False
        self.reads = 0

    def publish(self, *signers: Signer) -> None:
        self.raw = jwks_of(*(signer.jwk() for signer in signers))

    async def read(self) -> bytes:
        self.reads += 1
        if self.broken:
            raise BadJwks("not there")
        return self.raw
