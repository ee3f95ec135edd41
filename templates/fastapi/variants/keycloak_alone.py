# fastman: file keycloak only
"""Sign-in with Keycloak: what routes ask for, and how an app gets it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict

from . import keycloak_setup
from .keycloak_setup import check_roles, keycloak_scheme
from .keycloak_tokens import (
    InvalidKeycloakToken,
    KeycloakUser,
    is_configured,
    keycloak_problem,
    not_configured,
    read_keycloak_token,
)

_bearer = HTTPBearer(scheme_name="Bearer", auto_error=False)


def _unauthorized(detail: str) -> Exception:
    return keycloak_problem(401, detail, **{"WWW-Authenticate": "Bearer"})


async def get_current_user(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    _scheme: Annotated[None, Depends(keycloak_scheme)],
) -> KeycloakUser:
    """Return who the request's token speaks of."""
    if not is_configured():
        raise not_configured()
    if given is None:
        raise _unauthorized("Not authenticated")
    try:
        return await read_keycloak_token(given.credentials)
    except InvalidKeycloakToken:
        raise _unauthorized("Could not validate credentials") from None


CurrentKeycloakUser = Annotated[KeycloakUser, Depends(get_current_user)]


def require_roles(
    *roles: str, client: str | None = None
) -> Callable[[KeycloakUser], Awaitable[KeycloakUser]]:
    """Make a dependency that wants all of these roles: the realm's, or a client's."""
    if not roles:
        raise ValueError("require_roles needs to know at least one role")

    async def require(user: CurrentKeycloakUser) -> KeycloakUser:
        check_roles(user, roles, client)
        return user

    return require


class UserPublic(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str | None
    username: str | None
    name: str | None
    roles: list[str]


router = APIRouter(prefix="/auth", tags=["auth"])


@router.get("/me", response_model=UserPublic)
async def me(user: CurrentKeycloakUser, response: Response) -> KeycloakUser:
    response.headers["Cache-Control"] = "no-store"
    return user


def setup_keycloak(app: FastAPI) -> None:
    """Serve GET /me, and let people sign in with Keycloak on /docs."""
    keycloak_setup.setup_keycloak(app)
    app.include_router(router)
