# fastman: file google or oidc
"""OpenID Connect: providers that describe themselves, and sign who somebody is."""

import hmac
import math
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .http import parse_json
from .oauth_calls import get_object
from .oauth_failed import OAuthFailed
from .oauth_provider import (
    ClientAuthMethod,
    Endpoints,
    Grant,
    Profile,
    Provider,
    make_profile,
)

_DISCOVERY_SECONDS = 60 * 60
_KEYS_SECONDS = 5 * 60
_CLOCK_SKEW = 60  # seconds that iat and nbf may lie ahead

# Signatures that only the provider can make: with HS256 whoever knows the key to
# verify with, which here is published, could sign.
_KEY_TYPES = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
}


class Metadata(BaseModel):
    """What a provider says about itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: list[str] = ["RS256"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


Time = Annotated[float, Field(ge=0)]


class IDToken(BaseModel):
    """The claims that decide whether an ID token counts, in their exact types."""

    model_config = ConfigDict(strict=True)

    iss: str
    sub: str
    aud: str | list[str]
    azp: str | None = None
    exp: Time
    iat: Time
    nbf: Time = 0
    nonce: str


# By the provider's name: when it was read, on this process's clock, and what it was.
_discovered: dict[str, tuple[float, Metadata]] = {}
_keys: dict[str, tuple[float, list[Any]]] = {}


# fastman: if google
async def find_google_endpoints(google: Provider) -> Endpoints:
    return _endpoints(await _discover(google), "client_secret_post")


async def read_google_profile(google: Provider, grant: Grant) -> Profile:
    """Google runs the mailboxes of gmail.com, and of a domain that it names as `hd`."""
    claims = await _read_claims(google, grant)
    is_gmail = str(claims.get("email")).lower().endswith("@gmail.com")
    return _profile(claims, is_authoritative=is_gmail or bool(claims.get("hd")))


# fastman: end
# fastman: if oidc
async def find_endpoints(provider: Provider) -> Endpoints:
    metadata = await _discover(provider)
    offered = metadata.token_endpoint_auth_methods_supported
    if "client_secret_post" in offered and "client_secret_basic" not in offered:
        return _endpoints(metadata, "client_secret_post")
    return _endpoints(metadata, "client_secret_basic")


async def read_profile(provider: Provider, grant: Grant) -> Profile:
    return _profile(await _read_claims(provider, grant), is_authoritative=False)


# fastman: end
def _endpoints(metadata: Metadata, client_auth: ClientAuthMethod) -> Endpoints:
    return Endpoints(
        authorize=metadata.authorization_endpoint,
        token=metadata.token_endpoint,
        client_auth=client_auth,
        issuer=metadata.issuer,
        promises_issuer=metadata.authorization_response_iss_parameter_supported,
    )


def _profile(claims: dict[str, Any], *, is_authoritative: bool) -> Profile:
    is_verified = claims.get("email_verified") is True
    # fastman: if oidc
    # Microsoft's word for it: whether the owner of the address's domain is known.
    is_verified = is_verified or claims.get("xms_edov") in (True, "1")
    # fastman: end
    return make_profile(
        subject=claims["sub"],
        email=claims.get("email") if is_verified else None,
        name=claims.get("name") or claims.get("preferred_username"),
        avatar_url=claims.get("picture"),
        is_authoritative=is_authoritative,
    )


async def _discover(provider: Provider) -> Metadata:
    """Return what the provider says about itself, read at most once an hour."""
    read_at, metadata = _discovered.get(provider.name, (-math.inf, None))
    if metadata is None or read_at < time.monotonic() - _DISCOVERY_SECONDS:
        metadata = await _read_metadata(provider.url)
        _discovered[provider.name] = (time.monotonic(), metadata)
    return metadata


async def _read_metadata(issuer: str) -> Metadata:
    path = "/.well-known/openid-configuration"
    found = await get_object("discovery", issuer.rstrip("/") + path)
    try:
        metadata = Metadata.model_validate(found)
    except ValidationError:
        raise OAuthFailed(
            "unavailable", "discovery: not the metadata of OpenID"
        ) from None
    # Else it could speak for another one (OpenID Connect Discovery 1.0, section 4.3).
    if metadata.issuer != issuer:
        raise OAuthFailed("unavailable", "discovery: another issuer in its metadata")
    addresses = (
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.jwks_uri,
        metadata.userinfo_endpoint or issuer,
    )
    if not all(_is_safe(address, issuer) for address in addresses):
        raise OAuthFailed("unavailable", "discovery: an unsafe address in its metadata")
    return metadata


def _is_safe(address: str, issuer: str) -> bool:
    """Let answers lead to https only, or to where an issuer of tests is itself."""
    try:
        url, home = urlsplit(address), urlsplit(issuer)
    except ValueError:
        return False
    if url.scheme == "http" and home.scheme == "http":
        return url.netloc == home.netloc
    return url.scheme == "https" and bool(url.hostname)


async def _read_claims(provider: Provider, grant: Grant) -> dict[str, Any]:
    """Return the claims of the ID token; where they lack an address, userinfo's too."""
    metadata = await _discover(provider)
    if grant.id_token is None:
        raise OAuthFailed("id_token", "missing")
    claims = await _verify(provider, metadata, grant.id_token, grant.nonce)
    if claims.get("email") or not metadata.userinfo_endpoint:
        return claims
    said = await get_object(
        "userinfo", metadata.userinfo_endpoint, token=grant.access_token
    )
    # Else it is somebody else's (OpenID Connect Core 1.0, section 5.3.2).
    if said.get("sub") != claims["sub"]:
        raise OAuthFailed("subject")
    wanted = ("email", "email_verified", "name", "preferred_username", "picture")
    return claims | {name: said[name] for name in wanted if name in said}


async def _verify(
    provider: Provider, metadata: Metadata, token: str, nonce: str | None
) -> dict[str, Any]:
    """Return the claims of a token that the provider signed for us, now, for this."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header["alg"], header.get("kid")
        listed = metadata.id_token_signing_alg_values_supported
        # `crit` names extensions that must be understood; we understand none.
        if algorithm not in listed or algorithm not in _KEY_TYPES or "crit" in header:
            raise OAuthFailed("id_token", "header")
        key = await _find_key(provider, metadata, algorithm, kid)
        payload = jwt.PyJWS().decode(token, key, algorithms=[algorithm])
        claims = parse_json(payload)
        _check(IDToken.model_validate(claims), provider, nonce)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise OAuthFailed("id_token", type(error).__name__) from None
    return dict(claims)


async def _find_key(
    provider: Provider, metadata: Metadata, algorithm: str, kid: str | None
) -> jwt.PyJWK:
    """Return the key that signs; one that is not known may be new."""
    read_at, keys = _keys.get(provider.name, (-math.inf, []))
    is_fresh = read_at > time.monotonic() - _KEYS_SECONDS
    if is_fresh and (found := _pick(keys, algorithm, kid)):
        return found
    keys = (await get_object("keys", metadata.jwks_uri)).get("keys") or []
    _keys[provider.name] = (time.monotonic(), keys)
    if found := _pick(keys, algorithm, kid):
        return found
    raise OAuthFailed("id_token", "unknown key")


def _pick(keys: list[Any], algorithm: str, kid: str | None) -> jwt.PyJWK | None:
    """Return the one key for an algorithm under an id; without an id, the only one."""
    fitting = [
        key
        for key in keys
        if isinstance(key, dict)
        and key.get("kty") == _KEY_TYPES[algorithm]
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and (kid is None or key.get("kid") == kid)
    ]
    return jwt.PyJWK(fitting[0], algorithm) if len(fitting) == 1 else None


def _check(token: IDToken, provider: Provider, nonce: str | None) -> None:
    """Hold the claims against the rules of OpenID Connect Core 1.0, section 3.1.3.7."""
    client_id = provider.registration.client_id
    audience = [token.aud] if isinstance(token.aud, str) else token.aud
    now = time.time()
    problems = {
        "iss": token.iss != provider.url,
        "aud": client_id not in audience,
        "azp": token.azp != client_id
        and not (token.azp is None and len(audience) == 1),
        "exp": token.exp <= now,
        "iat": max(token.iat, token.nbf) > now + _CLOCK_SKEW,
        "nonce": nonce is None or not hmac.compare_digest(token.nonce, nonce),
    }
    for claim, is_wrong in problems.items():
        if is_wrong:
            raise OAuthFailed("id_token", claim)
