# fastman: file passkey
"""The endpoints of passkeys."""

from typing import Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    status,
)

from . import passkey_recovery, passkey_registration, passkey_service, service
from .clients import Client
from .database import read
from .dependencies import (
    BaseUrl,
    Claims,
    ClientDep,
    CurrentUser,
    OptionalClaims,
    OptionalUser,
    RecentUser,
    require_recent_login,
    unauthorized,
)
from .http import AuthRoute
from .identity import identity_key
from .models import PasskeyCredential, User
from .passkey_config import passkey_config
from .passkey_failed import PasskeyFailed, report_failed
from .passkey_registration import Owner
from .passkey_schemas import (
    Authentication,
    AuthenticationWanted,
    PasskeyChange,
    PasskeyPublic,
    Recovery,
    RecoveryCodes,
    RecoveryWanted,
    Registered,
    Registration,
    RegistrationWanted,
)
from .passkeys import NoSuchPasskey, find_own, list_passkeys
from .schemas import CurrentUserPublic, Problem, Token
from .security import TokenClaims
from .service import UsernameTaken
from .sessions import is_recent, issue_tokens
from .static_files import serve
from .ways_in import LastWayIn

router = APIRouter(tags=["auth"], route_class=AuthRoute)


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


def _not_found() -> HTTPException:
    return HTTPException(status.HTTP_404_NOT_FOUND, "Passkey not found")


def _refusal(failed: PasskeyFailed, detail: str, client: Client) -> HTTPException:
    """Say the same whatever the reason is."""
    report_failed(failed, client)
    return HTTPException(status.HTTP_400_BAD_REQUEST, detail)


async def _owner(
    email: str, user: User | None, claims: TokenClaims | None
) -> Owner | None:
    """Return who adds a passkey to their own account, or None for a new account."""
    if user is None or claims is None or identity_key(email) != user.email_key:
        return None
    # A session of this app's own: the passkey joins it.
    if not await read(is_recent, claims):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "reauth_required")
    return Owner(user, claims.sid)


@router.post("/passkey/register/options", responses=_problems(401, 403, 409, 429))
async def passkey_register_options(
    wanted: RegistrationWanted,
    user: OptionalUser,
    claims: OptionalClaims,
    client: ClientDep,
) -> dict[str, Any]:
    owner = await _owner(wanted.email, user, claims)
    try:
        return await passkey_registration.begin_registration(
            wanted, owner=owner, client=client
        )
    except UsernameTaken as taken:
        raise HTTPException(status.HTTP_409_CONFLICT, str(taken)) from None


@router.post(
    "/passkey/register/verify",
    status_code=status.HTTP_201_CREATED,
    response_model_exclude_none=True,
    responses=_problems(400, 401, 403, 409),
)
async def passkey_register(
    given: Registration,
    user: OptionalUser,
    claims: OptionalClaims,
    request: Request,
    client: ClientDep,
    base_url: BaseUrl,
) -> Registered:
    owner = await _owner(given.email, user, claims)
    try:
        session = await passkey_registration.finish_registration(
            given, owner=owner, client=client, base_url=base_url
        )
    except PasskeyFailed as failed:
        detail = "Passkey could not be registered"
        raise _refusal(failed, detail, client) from None
    except UsernameTaken as taken:
        raise HTTPException(status.HTTP_409_CONFLICT, str(taken)) from None
    registered = Registered(credential_id=given.credential.id)
    # fastman: if oauth or ui
    if claims and claims.sid == session.id and "authorization" not in request.headers:
        return registered  # the cookie stays, and a page gets no tokens of it
    # fastman: end
    return registered.model_copy(update=issue_tokens(session).model_dump())


@router.post("/passkey/authenticate/options", responses=_problems(429))
async def passkey_authenticate_options(
    _wanted: AuthenticationWanted, client: ClientDep
) -> dict[str, Any]:
    return await service.ask_for_passkey(client=client)


@router.post("/passkey/authenticate/verify", responses=_problems(400))
async def passkey_authenticate(given: Authentication, client: ClientDep) -> Token:
    try:
        return await service.sign_in_with_passkey(given.credential, client=client)
    except PasskeyFailed as failed:
        detail = "Passkey could not be verified"
        raise _refusal(failed, detail, client) from None


@router.get("/passkey/me", response_model=CurrentUserPublic, responses=_problems(401))
async def passkey_me(user: CurrentUser) -> User:
    return user


@router.get(
    "/passkey/credentials",
    response_model=list[PasskeyPublic],
    responses=_problems(401),
)
async def passkeys(user: CurrentUser) -> list[PasskeyCredential]:
    return await read(list_passkeys, user.id)


@router.patch(
    "/passkey/credentials/{passkey_id}",
    response_model=PasskeyPublic,
    responses=_problems(401, 403, 404),
)
async def rename_passkey(
    passkey_id: str, change: PasskeyChange, user: CurrentUser
) -> PasskeyCredential:
    try:
        return await passkey_service.rename(
            passkey_id, user=user, name=change.device_name
        )
    except NoSuchPasskey:
        raise _not_found() from None


@router.delete(
    "/passkey/credentials/{passkey_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(401, 403, 404, 409),
)
async def remove_passkey(
    passkey_id: str, user: CurrentUser, claims: Claims, client: ClientDep
) -> None:
    try:
        await read(find_own, passkey_id, user_id=user.id)
        await require_recent_login(user, claims)
        await passkey_service.remove(
            passkey_id, user=user, session_id=claims.sid, client=client
        )
    except NoSuchPasskey:
        raise _not_found() from None
    except LastWayIn:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "This is the last way to sign in"
        ) from None


@router.post("/passkey/recovery/codes", responses=_problems(401, 403))
async def make_recovery_codes(user: RecentUser, client: ClientDep) -> RecoveryCodes:
    return RecoveryCodes(codes=await passkey_recovery.make_codes(user, client=client))


async def require_email_recovery() -> None:
    if not passkey_config.email_recovery:
        raise HTTPException(status.HTTP_404_NOT_FOUND)


@router.post(
    "/passkey/recovery/request",
    status_code=status.HTTP_202_ACCEPTED,
    responses=_problems(404, 429),
    dependencies=[Depends(require_email_recovery)],
)
async def request_recovery(
    wanted: RecoveryWanted,
    client: ClientDep,
    base_url: BaseUrl,
    after: BackgroundTasks,
) -> dict[str, str]:
    await passkey_recovery.request_link(
        wanted.email, client=client, base_url=base_url, after=after
    )
    return {}


@router.post("/passkey/recovery", responses=_problems(401, 429))
async def recover(given: Recovery, client: ClientDep) -> Token:
    try:
        if given.token:
            return await passkey_recovery.recover_with_link(
                given.token.get_secret_value(), client=client
            )
        return await passkey_recovery.recover_with_code(
            given.email or "",
            given.code.get_secret_value() if given.code else "",
            client=client,
        )
    except passkey_recovery.InvalidRecovery:
        raise unauthorized("Invalid recovery code") from None


@router.api_route(
    "/static/passkey.js", methods=["GET", "HEAD"], include_in_schema=False
)
async def passkey_script() -> Response:
    return serve("passkey.js")
