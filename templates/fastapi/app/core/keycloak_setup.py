# fastman: file keycloak
"""What an app needs besides the dependencies: early keys, and a way to sign in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.openapi.models import OAuthFlowAuthorizationCode, OAuthFlows
from fastapi.security import OAuth2
from fastapi.security.base import SecurityBase

from .keycloak_tokens import KeycloakUser, keycloak_problem, realm

_SCOPES = {
    "openid": "Sign in",
    "profile": "Your name",
    "email": "Your e-mail address",
}


class KeycloakScheme(SecurityBase):
    """Tells /docs where people sign in; the token comes in the header, as any does."""

    def __init__(self, issuer: str) -> None:
        flow = OAuthFlowAuthorizationCode(
            authorizationUrl=f"{issuer}/protocol/openid-connect/auth",
            tokenUrl=f"{issuer}/protocol/openid-connect/token",
            scopes=_SCOPES,
        )
        self.scheme_name = "Keycloak"
        self.model = OAuth2(flows=OAuthFlows(authorizationCode=flow)).model

    async def __call__(self) -> None:
        return None


async def _no_scheme() -> None:
    return None


keycloak_scheme = KeycloakScheme(realm.issuer) if realm else _no_scheme


@asynccontextmanager
async def _fetch_keys(_app: FastAPI) -> AsyncIterator[None]:
    """Ask for the realm's keys when the app starts; nobody waits for the answer."""
    if realm:
        realm.keys.renew()
    yield


def setup_keycloak(app: FastAPI) -> None:
    """Let people sign in with Keycloak, also on the app's own /docs."""
    app.include_router(APIRouter(lifespan=_fetch_keys))
    if realm and not app.swagger_ui_init_oauth:
        app.swagger_ui_init_oauth = {
            "clientId": realm.client_id,
            "scopes": list(_SCOPES),
            "usePkceWithAuthorizationCodeGrant": True,
        }


def check_roles(user: KeycloakUser, roles: tuple[str, ...], client: str | None) -> None:
    """Raise 403 unless the token gives all of these roles."""
    if not user.has_roles(*roles, client=client):
        raise keycloak_problem(403, "Forbidden")
