# fastman: file oauth or ui
"""Cookies: of a session, and of a sign-in that is under way at a provider."""

from fastapi import HTTPException, Request, Response, status

from .config import config
from .oauth_flow import ATTEMPT_SECONDS, Opened, attempt_id

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class SessionCookie(str):
    """The value of a session's cookie, which is no token."""


def get_session_cookie(request: Request) -> SessionCookie | None:
    """Return what a browser sent by itself, unless another site made it send that."""
    value = request.cookies.get(_name("auth_session"))
    if value is None:
        return None
    if request.method not in _SAFE_METHODS:
        require_own_page(request)
    return SessionCookie(value)


def require_own_page(request: Request) -> None:
    if not _is_from_here(request):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Cross-site request refused")


def _is_from_here(request: Request) -> bool:
    origin = request.headers.get("origin", "")
    if origin in config.trusted_origins:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    # Without an address of our own to compare with, the one that was asked has to do.
    host = request.headers.get("host")
    is_same = origin.partition("://")[2] == host
    return is_same and not config.public_url


def set_session_cookie(response: Response, value: str) -> None:
    _set(response, "auth_session", value, config.session_max_seconds)


def drop_session_cookie(response: Response) -> None:
    _set(response, "auth_session", "", 0)


# fastman: if oauth
def get_attempt_cookie(request: Request, state: str) -> str | None:
    return request.cookies.get(_name(_attempt(attempt_id(state))))


def set_attempt_cookie(response: Response, opened: Opened) -> None:
    _set(response, _attempt(opened.id), opened.cookie, ATTEMPT_SECONDS)


def drop_attempt_cookie(response: Response, state: str) -> None:
    _set(response, _attempt(attempt_id(state)), "", 0)


def _attempt(challenge_id: str) -> str:
    # One for each attempt, so that two tabs do not take each other's.
    return f"auth_attempt_{challenge_id[:12]}"


# fastman: end
def _set(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(name),
        value,
        max_age=seconds,
        path="/",
        secure=config.production,
        httponly=True,
        samesite="lax",  # strict would leave out the way back from the provider
    )


def _name(name: str) -> str:
    # The prefix keeps other hosts of the domain from setting it (RFC 6265bis, 4.1.3.2).
    return f"__Host-{name}" if config.production else name
