# fastman: file jwt or oauth or passkey
"""What routes ask for: the signed-in user, the token's claims, a database session."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import HTTPBearer, OAuth2PasswordBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.orm import Session

from app.core.keycloak_setup import keycloak_scheme
from app.core.keycloak_tokens import (
    InvalidKeycloakToken,
    KeycloakUser,
    is_keycloak_token,
    keycloak_problem,
    read_keycloak_token,
)

from .clients import Client, get_client
from .config import config
from .cookies import SessionCookie, get_session_cookie
from .database import new_session, read
from .keycloak_users import (
    KeycloakClaims,
    KeycloakToken,
    claims_of,
    find_keycloak_user,
)
from .models import User
from .security import InvalidToken, TokenClaims, read_access_token
from .sessions import (
    CookieSession,
    find_cookie_session,
    find_current_user,
    is_recent,
)

# Where the links of mails lead when nobody has said it: tests do not follow them.
_NOWHERE = "http://localhost"


class Bearer(SecurityBase):
    """Finds the credential of a request: the token in its Authorization header."""

    def __init__(self) -> None:
        self.scheme_name = "Bearer"
        self.model = HTTPBearer().model

    async def __call__(
        self,
        request: Request,
        # fastman: if keycloak
        _scheme: Annotated[None, Depends(keycloak_scheme)],
        # fastman: end
    ) -> str | None:
        header = request.headers.get("authorization")
        # fastman: if oauth or ui
        if header is None:
            return get_session_cookie(request)
        # fastman: end
        scheme, token = get_authorization_scheme_param(header)
        # fastman: if keycloak
        if scheme.lower() == "bearer" and is_keycloak_token(token):
            presented = KeycloakToken(token)
            presented.request = request
            return presented
        # fastman: end
        return token if scheme.lower() == "bearer" else None


_bearer = Bearer()
# fastman: if jwt
# So that the form of /docs signs in.
_bearer.model = OAuth2PasswordBearer(tokenUrl="/auth/login").model
# fastman: end


def unauthorized(detail: str) -> HTTPException:
    # On a route of the app's own nobody else says that it must not be stored.
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, headers=headers)


async def get_optional_claims(
    token: Annotated[str | None, Depends(_bearer)],
) -> TokenClaims | None:
    """Return the claims of an access token, or None when the request has none."""
    # fastman: if oauth or ui
    if isinstance(token, SessionCookie):
        session = await find_cookie_session(token)
        return session.claims if session else None
    # fastman: end
    return await get_token_claims(token) if token else None


async def get_token_claims(
    token: Annotated[str | None, Depends(_bearer)],
) -> TokenClaims:
    """Return the claims of a valid access token, without asking the database.

    A logout or a disabled account does not show here; get_current_user sees both.
    """
    if not token:
        raise unauthorized("Not authenticated")
    # fastman: if oauth or ui
    if isinstance(token, SessionCookie):
        return (await _load_session(token)).claims
    # fastman: end
    # fastman: if keycloak
    if isinstance(token, KeycloakToken):
        return await _read_keycloak_claims(token)
    # fastman: end
    try:
        return read_access_token(token)
    except InvalidToken:
        raise unauthorized("Could not validate credentials") from None


# fastman: if keycloak
async def _read_keycloak_claims(token: KeycloakToken) -> KeycloakClaims:
    try:
        return claims_of(await read_keycloak_token(token), token.request)
    except InvalidKeycloakToken:
        raise unauthorized("Could not validate credentials") from None


# fastman: end
async def get_current_user(token: Annotated[str | None, Depends(_bearer)]) -> User:
    """Return the user of a live session, loaded and detached from the database."""
    # fastman: if oauth or ui
    if isinstance(token, SessionCookie):
        return (await _load_session(token)).user
    # fastman: end
    return await load_user(await get_token_claims(token))


# fastman: if oauth or ui
async def _load_session(cookie: SessionCookie) -> CookieSession:
    """Return what a cookie stands for, its claims too: it holds none itself."""
    session = await find_cookie_session(cookie)
    if session is None:
        raise unauthorized("Could not validate credentials")
    return session


# fastman: end
async def load_user(claims: TokenClaims) -> User:
    """Return the user whom valid claims name, if their session still lives."""
    # fastman: if keycloak
    if isinstance(claims, KeycloakClaims):
        return await _load_keycloak_user(claims)
    # fastman: end
    user = await find_current_user(claims)
    if user is None:
        raise unauthorized("Could not validate credentials")
    return user


# fastman: if keycloak
async def _load_keycloak_user(claims: KeycloakClaims) -> User:
    user = await find_keycloak_user(claims)
    if user is None:
        raise unauthorized("Could not validate credentials")
    return user


async def get_keycloak_user(
    _user: Annotated[User, Depends(get_current_user)],
    claims: Annotated[TokenClaims, Depends(get_token_claims)],
) -> KeycloakUser:
    """Return what the request's token says; 403 where it is not Keycloak's."""
    if not isinstance(claims, KeycloakClaims):
        raise keycloak_problem(status.HTTP_403_FORBIDDEN, "Forbidden")
    return claims.person


# fastman: end
# fastman: if passkey
async def get_optional_user(
    claims: Annotated[TokenClaims | None, Depends(get_optional_claims)],
) -> User | None:
    """Return who is signed in, or None when nobody says to be."""
    return await load_user(claims) if claims else None


# fastman: end
async def get_current_active_user(
    user: Annotated[User, Depends(get_current_user)],
) -> User:
    """Return the same as get_current_user, which knows only active users."""
    return user


async def require_verified_user(
    user: Annotated[User, Depends(get_current_user)],
) -> User:
    """Let only users through who have proved that their e-mail address is theirs."""
    if not user.is_verified:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "E-mail address is not verified")
    return user


async def require_superuser(user: Annotated[User, Depends(get_current_user)]) -> User:
    if not user.is_superuser:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Forbidden")
    return user


async def require_recent_login(
    user: Annotated[User, Depends(get_current_user)],
    claims: Annotated[TokenClaims, Depends(get_token_claims)],
) -> User:
    """Let only sessions through that were signed in to within the last 10 minutes."""
    # fastman: if keycloak
    if isinstance(claims, KeycloakClaims) and claims.is_recent:
        return user
    # fastman: end
    if not await read(is_recent, claims):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "reauth_required")
    return user


def get_session() -> Iterator[Session]:
    """Lend a route written with `def` a database session of its own."""
    with new_session() as session:
        yield session


async def get_base_url(request: Request) -> str:
    """Return what the links of mails begin with; a sender may have made up the Host."""
    if config.public_url:
        return config.public_url
    return str(request.base_url).rstrip("/") if config.development else _NOWHERE


BaseUrl = Annotated[str, Depends(get_base_url)]
ClientDep = Annotated[Client, Depends(get_client)]
OptionalClaims = Annotated[TokenClaims | None, Depends(get_optional_claims)]
Claims = Annotated[TokenClaims, Depends(get_token_claims)]
CurrentUser = Annotated[User, Depends(get_current_user)]
RecentUser = Annotated[User, Depends(require_recent_login)]
# fastman: if passkey
OptionalUser = Annotated[User | None, Depends(get_optional_user)]
# fastman: end
SessionDep = Annotated[Session, Depends(get_session)]
