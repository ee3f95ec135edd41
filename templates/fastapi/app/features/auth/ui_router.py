# fastman: file ui
"""The page on which people sign in, and the cookie that keeps them signed in there."""

from fastapi import APIRouter, Request, Response, status

from .cookies import get_session_cookie, require_own_page, set_session_cookie
from .database import write
from .dependencies import Claims, load_user, require_recent_login, unauthorized
from .http import AuthRoute
from .keycloak_users import KeycloakClaims
from .schemas import Problem
from .sessions import turn_into_cookie_session
from .static_files import serve

router = APIRouter(tags=["auth"], route_class=AuthRoute)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
}


@router.api_route("/ui", methods=["GET", "HEAD"], include_in_schema=False)
async def page() -> Response:
    response = serve("ui.html")
    response.headers.update(_HEADERS)
    return response


@router.api_route("/static/ui.css", methods=["GET", "HEAD"], include_in_schema=False)
async def style() -> Response:
    return serve("ui.css")


@router.api_route("/static/ui.js", methods=["GET", "HEAD"], include_in_schema=False)
async def script() -> Response:
    return serve("ui.js")


@router.post(
    "/ui/session",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={code: {"model": Problem} for code in (401, 403)},
)
async def keep_signed_in(claims: Claims, request: Request, response: Response) -> None:
    """Take a session out of the page's hands: scripts do not see a cookie's value."""
    if "authorization" not in request.headers:
        raise unauthorized("Not authenticated")
    require_own_page(request)
    # fastman: if keycloak
    if isinstance(claims, KeycloakClaims):
        raise unauthorized("Could not validate credentials")  # it has no session here
    # fastman: end
    user = await load_user(claims)
    await require_recent_login(user, claims)
    cookie = await write(
        turn_into_cookie_session,
        claims.sid,
        user_id=user.id,
        former=get_session_cookie(request),
    )
    if cookie is None:
        raise unauthorized("Could not validate credentials")
    set_session_cookie(response, cookie)
