# fastman: file google or oidc
"""Which ID tokens count: those that the provider signed for us, now, for this try."""

import json
import time
from dataclasses import replace
from typing import Any

import anyio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from app.features.auth import oauth_openid
from app.features.auth.oauth_config import PROVIDERS
from app.features.auth.oauth_failed import OAuthFailed
from app.features.auth.oauth_provider import Grant, Profile, Provider, Registration

from .conftest import AnswerCalls

ISSUER = "https://id.example.com"
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
}


@pytest.fixture
def provider(answer_calls: AnswerCalls, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """One of those that this app has, elsewhere."""
    monkeypatch.setattr(oauth_openid, "_discovered", {})
    monkeypatch.setattr(oauth_openid, "_keys", {})
    keys = {"keys": [{"kty": "oct", "k": "AAAA"}, PUBLIC | {"kid": "1"}]}
    answers = {"/keys": keys, "/.well-known/openid-configuration": METADATA}
    answer_calls(lambda request: httpx.Response(200, json=answers[request.url.path]))
    some = next(provider for provider in PROVIDERS.values() if provider.is_openid)
    return replace(some, url=ISSUER, registration=Registration("us", "secret", None))


def sign(*, key: Any = KEY, alg: str = "RS256", kid: str = "1", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "us",
        "sub": "ada",
        "nonce": "of this try",
        "iat": now,
        "exp": now + 60,
        "email": "ada@example.com",
        "email_verified": True,
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})


def read(provider: Provider, token: str) -> Profile:
    grant = Grant(access_token="token", id_token=token, nonce="of this try")
    return anyio.run(provider.read_profile, provider, grant)


def test_a_token_of_the_provider_names_its_user(provider: Provider) -> None:
    profile = read(provider, sign())
    assert (profile.subject, profile.email) == ("ada", "ada@example.com")
    assert read(provider, sign(aud=["us", "them"], azp="us")).subject == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "them"},
        {"aud": ["us", "them"]},
        {"azp": "them"},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"nonce": None},
        {"nonce": "of another try"},
        {"exp": int(time.time()) - 1},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"kid": "2"},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"key": "", "alg": "none"},
        {"key": PUBLIC["n"], "alg": "HS256"},
    ],
)
def test_any_other_token_is_refused(
    provider: Provider, changes: dict[str, Any]
) -> None:
    with pytest.raises(OAuthFailed):
        read(provider, sign(**changes))


def test_an_address_that_is_not_verified_does_not_count(provider: Provider) -> None:
    for verified in (False, None, "true", 1):
        assert read(provider, sign(email_verified=verified)).email is None


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://id.example.com/keys"},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_speaks_for_itself_only(
    provider: Provider, answer_calls: AnswerCalls, changes: dict[str, Any]
) -> None:
    answer_calls(lambda _: httpx.Response(200, json=METADATA | changes))
    with pytest.raises(OAuthFailed):
        anyio.run(provider.find_endpoints, provider)
