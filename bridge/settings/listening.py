"""What can be set of the listener: where, how secret, who is let in, and how much each gets."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from bridge.addresses import check_url, is_local, is_loopback
from bridge.settings.values import AnyCase

_Exposure = Literal["open", "authenticated", "closed"]
_Most = Annotated[int | None, Field(ge=0, le=1_000_000)]
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class ListenSettings(BaseSettings):
    """The part of Settings that is about the listener. The order matters, as it does there."""

    tls_cert: Path | None = Field(
        None,
        alias="MEDIABRIDGE_TLS_CERT",
        description="PEM file: the server's certificate, then those that vouch for it.",
    )
    tls_key: Path | None = Field(
        None,
        alias="MEDIABRIDGE_TLS_KEY",
        description="PEM file: the certificate's private key, without a password.",
    )
    tls_client_ca: Path | None = Field(
        None,
        alias="MEDIABRIDGE_TLS_CLIENT_CA",
        description="PEM file: clients must have a certificate that one of these vouches for.",
    )

    keys_file: Path | None = Field(
        None,
        alias="MEDIABRIDGE_KEYS_FILE",
        description="The API keys that let clients in, as `mediabridge keys` keeps them.",
    )
    jwt_jwks: str | None = Field(
        None,
        alias="MEDIABRIDGE_JWT_JWKS",
        description="File or https URL: the public keys of tokens (JWT) that let clients in.",
    )
    jwt_issuer: str | None = Field(
        None, alias="MEDIABRIDGE_JWT_ISSUER", description="What tokens must have as `iss`."
    )
    jwt_audience: str | None = Field(
        None, alias="MEDIABRIDGE_JWT_AUDIENCE", description="What tokens must have in `aud`."
    )
    jwt_tenant_claim: str = Field(
        "tenant",
        alias="MEDIABRIDGE_JWT_TENANT_CLAIM",
        description="The claim that names a token's tenant.",
    )
    jwt_scope_claim: str = Field(
        "scope",
        alias="MEDIABRIDGE_JWT_SCOPE_CLAIM",
        description="The claim that holds a token's scopes, as words or as a list.",
    )

    tenant_calls: _Most = Field(
        None, alias="MEDIABRIDGE_TENANT_CALLS", description="Calls of one tenant at a time."
    )
    tenant_creations: _Most = Field(
        None,
        alias="MEDIABRIDGE_TENANT_CREATIONS_PER_MINUTE",
        description="Calls that one tenant may begin in any minute.",
    )
    tenant_streams: _Most = Field(
        None, alias="MEDIABRIDGE_TENANT_STREAMS", description="Open streams of one tenant."
    )
    key_calls: _Most = Field(
        None,
        alias="MEDIABRIDGE_KEY_CALLS",
        description="Calls of one key, or token's subject, at a time.",
    )
    key_creations: _Most = Field(
        None,
        alias="MEDIABRIDGE_KEY_CREATIONS_PER_MINUTE",
        description="Calls that one key, or token's subject, may begin in any minute.",
    )
    key_streams: _Most = Field(
        None,
        alias="MEDIABRIDGE_KEY_STREAMS",
        description="Open streams of one key, or token's subject.",
    )

    allow_insecure_listen: bool = Field(
        False,
        alias="MEDIABRIDGE_ALLOW_INSECURE_LISTEN",
        description="Listen beyond this machine although calls can be overheard, or anyone served.",
    )
    listen: str = Field(
        "127.0.0.1:50051",
        alias="MEDIABRIDGE_LISTEN",
        description="Where gRPC is served: `host:port` or `unix:/path`.",
    )
    health: Annotated[_Exposure, AnyCase] = Field(
        "open",
        alias="MEDIABRIDGE_HEALTH",
        description="Who may ask for health: open (anyone), authenticated, or closed (nobody).",
    )
    reflection: Annotated[Literal["auto"] | _Exposure, AnyCase] = Field(
        "auto",
        alias="MEDIABRIDGE_REFLECTION",
        description="Who may ask what the API is, as above; auto: open on an open local listener.",
    )

    @property
    def has_tls(self) -> bool:
        return self.tls_cert is not None

    @property
    def authenticates(self) -> bool:
        return self.keys_file is not None or self.jwt_jwks is not None

    @property
    def reflection_exposure(self) -> _Exposure:
        """Who may ask what the API is, whatever `auto` means here."""
        if self.reflection != "auto":
            return self.reflection
        is_open = is_local(self.listen) and not self.has_tls and not self.authenticates
        return "open" if is_open else "closed"

    @field_validator("tls_key", "tls_client_ca")
    @classmethod
    def _with_a_certificate(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        cert = info.data.get("tls_cert")
        if info.field_name == "tls_key" and cert is not None and path is None:
            raise ValueError("is required where MEDIABRIDGE_TLS_CERT is given")
        if cert is None and path is not None:
            raise ValueError("has no meaning without MEDIABRIDGE_TLS_CERT")
        return path

    @field_validator("jwt_jwks")
    @classmethod
    def _trustworthy(cls, source: str | None) -> str | None:
        if source is None or not _SCHEME.match(source):
            return source
        url = check_url(source, frozenset({"http", "https"}))
        if url.startswith("http:") and not is_loopback(url):
            raise ValueError("must be https: whoever sits on the way could let himself in")
        return url

    @field_validator("jwt_issuer", "jwt_audience")
    @classmethod
    def _with_keys_for_tokens(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("jwt_jwks") is not None:
            raise ValueError("is required where MEDIABRIDGE_JWT_JWKS is given")
        if value is not None and info.data.get("jwt_jwks", "") is None:
            raise ValueError("has no meaning without MEDIABRIDGE_JWT_JWKS")
        return value

    @field_validator("listen")
    @classmethod
    def _protected(cls, address: str, info: ValidationInfo) -> str:
        given = info.data
        missing = []
        if given.get("tls_cert", "") is None:
            missing.append("TLS (MEDIABRIDGE_TLS_CERT)")
        if given.get("keys_file", "") is None and given.get("jwt_jwks", "") is None:
            missing.append("authentication (MEDIABRIDGE_KEYS_FILE or MEDIABRIDGE_JWT_JWKS)")
        if not is_local(address) and missing and not given.get("allow_insecure_listen", True):
            raise ValueError(
                "other machines could reach this address, and there is no "
                f"{' and no '.join(missing)}. Set that, listen on 127.0.0.1 or unix:/path, or set "
                "MEDIABRIDGE_ALLOW_INSECURE_LISTEN=true where something else keeps strangers out"
            )
        return address
