# fastman: file oauth
"""The code flow of OAuth 2.0 with PKCE: the way to a provider, and what it yields."""

import re
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from authlib.oauth2 import auth  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2.rfc6749 import parameters  # type: ignore[import-untyped, unused-ignore]

from .oauth_calls import Answer, call, deadline, read_json
from .oauth_failed import OAuthFailed
from .oauth_flow import Attempt, Opened, code_challenge
from .oauth_provider import Endpoints, Grant, Profile, Provider
from .schemas import OAuthCallback

_CODE_MAX_LENGTH = 2048
_BEARER_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


def authorization_url(
    provider: Provider, endpoints: Endpoints, attempt: Attempt, opened: Opened
) -> str:
    url: str = parameters.prepare_grant_uri(
        endpoints.authorize,
        client_id=provider.registration.client_id,
        response_type="code",
        redirect_uri=attempt.redirect_uri,
        scope=provider.scope,
        state=opened.state,
        code_challenge=code_challenge(attempt.verifier),
        code_challenge_method="S256",
        # fastman: if google or oidc
        nonce=attempt.nonce,
        # fastman: end
    )
    return url


async def find_endpoints(provider: Provider) -> Endpoints:
    with deadline():
        return await provider.find_endpoints(provider)


async def fetch_profile(
    provider: Provider, attempt: Attempt, callback: OAuthCallback
) -> Profile:
    """Return who came back, or raise OAuthFailed, within the time for all of it."""
    code = callback.code
    if not code or len(code) > _CODE_MAX_LENGTH:
        raise OAuthFailed("callback")
    with deadline():
        endpoints = await provider.find_endpoints(provider)
        # fastman: if google or oidc
        _require_issuer(endpoints, callback)
        # fastman: end
        grant = await _exchange(provider, endpoints, attempt, code)
        return await provider.read_profile(provider, grant)


# fastman: if google or oidc
def _require_issuer(endpoints: Endpoints, callback: OAuthCallback) -> None:
    """Keep the code of one provider from being sent to another (RFC 9207)."""
    if endpoints.issuer is None or callback.iss == endpoints.issuer:
        return
    if callback.iss is not None or endpoints.promises_issuer:
        raise OAuthFailed("state", "another issuer")


# fastman: end
async def _exchange(
    provider: Provider, endpoints: Endpoints, attempt: Attempt, code: str
) -> Grant:
    body = parameters.prepare_token_request(
        "authorization_code",
        code=code,
        redirect_uri=attempt.redirect_uri,
        code_verifier=attempt.verifier,
    )
    url, headers, body = _client_auth(provider, endpoints).prepare(
        "POST",
        endpoints.token,
        {"Content-Type": "application/x-www-form-urlencoded"},
        body,
    )
    answer = await call("token", "POST", url, headers=headers, content=body)
    return _read_grant(answer, attempt)


def _client_auth(provider: Provider, endpoints: Endpoints) -> Any:
    client_id = provider.registration.client_id
    secret = provider.registration.client_secret
    if endpoints.client_auth == "client_secret_basic":
        # RFC 6749, section 2.3.1: encoded as in a form, which authlib leaves to us.
        client_id, secret = quote_plus(client_id), quote_plus(secret)
    return auth.ClientAuth(client_id, secret, endpoints.client_auth)


def _read_grant(answer: Answer, attempt: Attempt) -> Grant:
    fields = _read_fields(answer)
    if "error" in fields and answer.status < 500:
        code = str(fields["error"])
        raise OAuthFailed("refused", code if _ERROR_CODE.fullmatch(code) else None)
    if answer.status != 200:
        raise answer.unusable(f"status {answer.status}")
    token, kind = fields.get("access_token"), fields.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise answer.unusable("not a bearer token")
    if not isinstance(token, str) or not _BEARER_TOKEN.fullmatch(token):
        raise answer.unusable("no access token")
    # fastman: if google or oidc
    id_token = fields.get("id_token")
    # fastman: end
    return Grant(
        access_token=token,
        # fastman: if google or oidc
        id_token=id_token if isinstance(id_token, str) else None,
        nonce=attempt.nonce,
        # fastman: end
    )


def _read_fields(answer: Answer) -> dict[str, Any]:
    """Read JSON, or the form that GitHub sends unless it is asked for JSON."""
    if answer.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(answer.body.decode("utf-8", "replace")))
    fields = read_json(answer)
    if not isinstance(fields, dict):
        raise answer.unusable("not a JSON object")
    return fields
