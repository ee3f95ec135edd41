# fastman: file keycloak and jwt or oauth or passkey
"""Sign-in with Keycloak: what routes ask for, and how an app gets it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends

from app.features.auth.dependencies import get_current_user, get_keycloak_user

from .keycloak_setup import check_roles, setup_keycloak
from .keycloak_tokens import KeycloakUser

__all__ = [
    "CurrentKeycloakUser",
    "KeycloakUser",
    "get_current_user",
    "get_keycloak_user",
    "require_roles",
    "setup_keycloak",
]

CurrentKeycloakUser = Annotated[KeycloakUser, Depends(get_keycloak_user)]


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
