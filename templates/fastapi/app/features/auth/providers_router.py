# fastman: file oauth or keycloak and jwt or oauth or passkey
"""The endpoints for accounts elsewhere that sign a user in here."""

from typing import Any

from fastapi import APIRouter, HTTPException, status

from app.core.keycloak_tokens import (
    InvalidKeycloakToken,
    is_configured,
    not_configured,
    read_keycloak_token,
)

from .database import read
from .dependencies import (
    Claims,
    ClientDep,
    CurrentUser,
    RecentUser,
    require_recent_login,
)
from .http import AuthRoute
from .keycloak_users import KeycloakClaims
from .linked_accounts import NotLinked, list_accounts
from .linking import link_keycloak, unlink_from
from .provider_names import provider_name
from .schemas import IdentityPublic, KeycloakLink, Problem
from .ways_in import LastWayIn

router = APIRouter(tags=["auth"], route_class=AuthRoute)


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


@router.get("/providers", responses=_problems(401))
async def providers(user: CurrentUser) -> list[IdentityPublic]:
    return [
        IdentityPublic(
            provider=provider_name(account.provider),
            email=account.email,
            created_at=account.created_at,
            last_used_at=account.last_used_at,
        )
        for account in await read(list_accounts, user.id)
    ]


# fastman: if keycloak
@router.post(
    "/providers/keycloak",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(400, 401, 403, 409, 503),
)
async def link_keycloak_account(
    given: KeycloakLink, user: RecentUser, claims: Claims, client: ClientDep
) -> None:
    """Let whom the token speaks of sign in as this user from now on."""
    if isinstance(claims, KeycloakClaims):  # it takes a session of the user's own
        raise HTTPException(status.HTTP_403_FORBIDDEN, "reauth_required")
    if not is_configured():
        raise not_configured()
    try:
        person = await read_keycloak_token(given.token.get_secret_value())
    except InvalidKeycloakToken:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Invalid token") from None
    await link_keycloak(person, user=user, client=client)


# fastman: end
@router.delete(
    "/providers/{provider}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(401, 403, 404, 409),
)
async def unlink(
    provider: str, user: CurrentUser, claims: Claims, client: ClientDep
) -> None:
    not_linked = HTTPException(status.HTTP_404_NOT_FOUND, "Provider not linked")
    accounts = await read(list_accounts, user.id)
    if provider not in (provider_name(account.provider) for account in accounts):
        raise not_linked
    await require_recent_login(user, claims)
    try:
        await unlink_from(provider, user=user, session_id=claims.sid, client=client)
    except NotLinked:
        raise not_linked from None
    except LastWayIn:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "This is the last way to sign in"
        ) from None
