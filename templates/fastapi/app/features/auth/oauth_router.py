# fastman: file oauth
"""The endpoints of signing in with a provider, for browsers and for native apps."""

import logging
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse

from . import service
from .clients import Client
from .config import config
from .cookies import (
    drop_attempt_cookie,
    get_attempt_cookie,
    get_session_cookie,
    set_attempt_cookie,
    set_session_cookie,
)
from .dependencies import (
    Claims,
    ClientDep,
    RecentUser,
)
from .events import log_event
from .http import AuthRoute
from .oauth_config import (
    DEFAULT,
    FIRST,
    PROVIDERS,
    missing_setting,
    warn_of_missing,
)
from .oauth_failed import OAuthFailed
from .oauth_flow import Attempt, Opened
from .oauth_provider import Profile, Provider
from .redirects import is_own_path, with_query
from .schemas import (
    OAuthCallback,
    OAuthRedirect,
    OAuthStart,
    OAuthToken,
    Problem,
    Token,
)
from .security import new_one_time_token

router = APIRouter(tags=["auth"], route_class=AuthRoute)

_CALLBACK = "/auth/callback"
_STATE_MAX_LENGTH = 512  # characters of what a native app gets back as it was
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of 32 bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


def _bad_request(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_400_BAD_REQUEST, detail)


def _find_provider(name: str) -> Provider:
    if name not in PROVIDERS:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Unknown provider")
    return PROVIDERS[name]


def _redirect(url: str, status_code: int = status.HTTP_303_SEE_OTHER) -> Response:
    return Response(status_code=status_code, headers={"Location": url})


Start = Annotated[OAuthStart, Depends()]


@router.get("/login", status_code=302, responses=_problems(400, 429, 502, 503))
async def start_first(start: Start, request: Request, client: ClientDep) -> Response:
    return await _start(DEFAULT, start, request, client)


@router.get(
    "/login/{provider}", status_code=302, responses=_problems(400, 404, 429, 502, 503)
)
async def start(
    provider: str, start: Start, request: Request, client: ClientDep
) -> Response:
    return await _start(_find_provider(provider), start, request, client)


async def _start(
    provider: Provider, start: OAuthStart, request: Request, client: Client
) -> Response:
    attempt = _new_attempt(provider, request)
    attempt.next = _own_path(start.next, request)
    if start.is_of_app:
        _require_app(start)
        attempt.app_redirect = start.app_redirect
        attempt.app_state = start.app_state
        attempt.code_challenge = start.code_challenge
    url, opened = await _leave(provider, attempt, client)
    response = _redirect(url, status.HTTP_302_FOUND)
    set_attempt_cookie(response, opened)
    return response


def _new_attempt(provider: Provider, request: Request) -> Attempt:
    return Attempt(
        provider=provider.name,
        verifier=new_one_time_token(),
        # fastman: if google or oidc
        nonce=new_one_time_token() if provider.is_openid else None,
        # fastman: end
        redirect_uri=_redirect_uri(provider, request),
    )


def _redirect_uri(provider: Provider, request: Request) -> str:
    """Return the address that is registered with the provider for its answers."""
    base = config.public_url
    if config.development and not base:
        base = str(request.base_url).rstrip("/")
    missing = missing_setting(provider) or (None if base else "AUTH_PUBLIC_URL")
    if missing:
        warn_of_missing(provider, missing)
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "Sign-in with this provider is not configured",
        )
    path = _CALLBACK if provider.name == FIRST else f"{_CALLBACK}/{provider.name}"
    return base + path


def _own_path(text: str | None, request: Request) -> str | None:
    given_twice = len(request.query_params.getlist("next")) > 1
    if given_twice or (text is not None and not is_own_path(text)):
        raise _bad_request("Invalid next")
    return text


def _require_app(start: OAuthStart) -> None:
    """Hand over only to the app's own addresses, and only with a proof of it."""
    if start.app_redirect not in config.app_redirects:
        raise _bad_request("Invalid app_redirect")
    if not _CHALLENGE.fullmatch(start.code_challenge or ""):
        raise _bad_request("Invalid code_challenge")
    state = start.app_state or ""
    if len(state) > _STATE_MAX_LENGTH or _CONTROL.search(state):
        raise _bad_request("Invalid app_state")


async def _leave(
    provider: Provider, attempt: Attempt, client: Client
) -> tuple[str, Opened]:
    try:
        return await service.leave_for_provider(provider, attempt, client=client)
    except OAuthFailed as failed:
        _report_failed(failed, provider, client)
        raise


def _report_failed(failed: OAuthFailed, provider: Provider, client: Client) -> None:
    problem = {"problem": failed.problem} if failed.problem else {}
    log_event(
        "auth.oauth.failed",
        level=logging.WARNING,
        ip=client.ip,
        provider=provider.name,
        reason=failed.reason,
        **problem,
    )


async def read_callback(request: Request) -> OAuthCallback:
    """Read what came back; a parameter that is there twice says nothing."""
    query = request.query_params
    given = {name: query.getlist(name) for name in query}
    return OAuthCallback.model_validate(
        {name: values[0] for name, values in given.items() if len(values) == 1}
    )


Callback = Annotated[OAuthCallback, Depends(read_callback)]
_CALLBACK_PROBLEMS = _problems(400, 403, 404, 409, 502, 503)


@router.get("/callback", status_code=303, responses=_CALLBACK_PROBLEMS)
async def return_from_first(
    callback: Callback, request: Request, client: ClientDep
) -> Response:
    return await _return(DEFAULT, callback, request, client)


@router.get("/callback/{provider}", status_code=303, responses=_CALLBACK_PROBLEMS)
async def return_from(
    provider: str, callback: Callback, request: Request, client: ClientDep
) -> Response:
    return await _return(_find_provider(provider), callback, request, client)


async def _return(
    provider: Provider, callback: OAuthCallback, request: Request, client: Client
) -> Response:
    state = callback.state or ""
    cookie = get_attempt_cookie(request, state)
    try:
        if cookie is None:
            raise OAuthFailed("state")
        attempt, profile = await service.come_back(provider, callback, cookie=cookie)
        response = await _finish(provider, attempt, profile, request, client)
    except OAuthFailed as failed:
        _report_failed(failed, provider, client)
        if cookie is None or failed.reason == "busy":
            raise
        response = JSONResponse({"detail": failed.detail}, failed.status_code)
    drop_attempt_cookie(response, state)
    return response


async def _finish(
    provider: Provider,
    attempt: Attempt,
    profile: Profile,
    request: Request,
    client: Client,
) -> Response:
    if attempt.app_redirect:
        code = await service.hand_over(provider, profile, attempt, client=client)
        url = with_query(attempt.app_redirect, code=code, state=attempt.app_state)
        return _redirect(url)
    response = _redirect(attempt.next or config.after_login_url)
    if attempt.user_id:
        await service.link_with(provider, profile, attempt, client=client)
        return response
    cookie = await service.sign_in_with(
        provider, profile, client=client, former=get_session_cookie(request)
    )
    set_session_cookie(response, cookie)
    return response


@router.post("/token", responses=_problems(400, 429))
async def redeem(given: OAuthToken, client: ClientDep) -> Token:
    try:
        return await service.redeem_app_code(
            given.code.get_secret_value(),
            verifier=given.code_verifier.get_secret_value(),
            client=client,
        )
    except service.InvalidAppCode:
        raise _bad_request("Invalid or expired code") from None


@router.post(
    "/providers/{provider}",
    responses=_problems(400, 401, 403, 404, 429, 502, 503),
)
async def link(
    provider: str,
    user: RecentUser,
    claims: Claims,
    request: Request,
    response: Response,
    client: ClientDep,
    next: str | None = None,
) -> OAuthRedirect:
    """Return the address at which the user's further account can be chosen."""
    chosen = _find_provider(provider)
    attempt = _new_attempt(chosen, request)
    attempt.next = _own_path(next, request)
    attempt.user_id, attempt.session = user.id, claims.sid
    url, opened = await _leave(chosen, attempt, client)
    set_attempt_cookie(response, opened)
    return OAuthRedirect(url=url)
