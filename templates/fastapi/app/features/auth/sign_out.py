# fastman: file oauth or ui
"""Signing out in a browser, where the credential is a cookie."""

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse

from . import session_service
from .cookies import drop_session_cookie, get_session_cookie
from .dependencies import ClientDep
from .http import AuthRoute

router = APIRouter(tags=["auth"], route_class=AuthRoute)

_SIGN_OUT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign out</title>
<form method="post"><button>Sign out</button></form>
</html>
"""
_SIGN_OUT_POLICY = (
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@router.get("/logout", status_code=303)
async def sign_out(request: Request, client: ClientDep) -> Response:
    """End the session of a browser whose user went here; else offer a button."""
    if not _is_navigation(request):
        policy = {"Content-Security-Policy": _SIGN_OUT_POLICY}
        return HTMLResponse(_SIGN_OUT_PAGE, headers=policy)
    if cookie := get_session_cookie(request):
        await session_service.log_out_cookie(cookie, client=client)
    response = Response(
        status_code=status.HTTP_303_SEE_OTHER, headers={"Location": "/"}
    )
    drop_session_cookie(response)
    return response


def _is_navigation(request: Request) -> bool:
    """Tell a user's own step from a picture, a prefetch, or another site's link."""
    headers = request.headers
    purpose = headers.get("sec-purpose", "") + headers.get("purpose", "")
    return (
        headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and "prefetch" not in purpose
    )


async def sign_out_browser(
    request: Request, response: Response, client: ClientDep
) -> None:
    """Do what a logout has to do besides, where the credential is a cookie."""
    if "authorization" in request.headers:
        return
    drop_session_cookie(response)
    if "text/html" not in request.headers.get("accept", ""):
        return
    if cookie := get_session_cookie(request):
        await session_service.log_out_cookie(cookie, client=client)
    raise HTTPException(
        status.HTTP_303_SEE_OTHER,
        headers={"Location": "/", "Set-Cookie": response.headers["set-cookie"]},
    )
