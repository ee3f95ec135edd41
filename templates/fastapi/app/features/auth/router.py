# fastman: file jwt or oauth or passkey
"""The endpoints of authentication."""

from functools import partial
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    status,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from . import account, recovery, service, session_service, verification
from .background import finish_background
from .clients import get_client
from .config import config
from .database import read
from .dependencies import (
    BaseUrl,
    Claims,
    ClientDep,
    CurrentUser,
    OptionalClaims,
    RecentUser,
    load_user,
    unauthorized,
)
from .http import AuthRoute, read_fields
from .keycloak_users import KeycloakClaims
from .models import User
from .oauth_router import router as oauth_router
from .one_time import InvalidOneTimeToken
from .passkey_router import router as passkey_router
from .providers_router import router as providers_router
from .schemas import (
    CurrentUserPublic,
    LoginRequest,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    PasswordSet,
    Problem,
    RefreshRequest,
    RegisterRequest,
    SessionPublic,
    Token,
    UserPublic,
    VerifyRequest,
)
from .security import InvalidToken
from .sessions import list_sessions
from .sign_out import router as sign_out_router
from .sign_out import sign_out_browser
from .ui_router import router as ui_router

router = APIRouter(
    prefix="/auth", tags=["auth"], route_class=AuthRoute, lifespan=finish_background
)


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


def _invalid_link() -> HTTPException:
    return HTTPException(status.HTTP_400_BAD_REQUEST, "Invalid or expired token")


# These two come first: routes are tried in their order, and they are asked for most.
@router.get("/me", response_model=CurrentUserPublic, responses=_problems(401))
async def me(user: CurrentUser) -> User:
    return user


@router.post("/refresh", responses=_problems(401, 429))
async def refresh(given: RefreshRequest, request: Request) -> Token:
    try:
        return await session_service.refresh_tokens(
            given.refresh_token.get_secret_value(), who=partial(get_client, request)
        )
    except InvalidToken:
        raise unauthorized("Could not validate credentials") from None


# fastman: if jwt
async def read_login(request: Request) -> LoginRequest:
    """Read a sign-in from a form, as OAuth2 sends it, or from JSON."""
    try:
        return LoginRequest.model_validate(await read_fields(request))
    except ValidationError as error:
        problems = [
            {**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()
        ]
        raise RequestValidationError(problems) from None


def _login_body() -> dict[str, Any]:
    """Describe both forms of the sign-in, which FastAPI cannot do by itself."""
    body = {"schema": LoginRequest.model_json_schema()}
    media_types = ("application/x-www-form-urlencoded", "application/json")
    return {
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(media_types, body),
        }
    }


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    response_model=UserPublic,
    responses={**_problems(409, 503), 202: {"description": "Told by mail only"}},
)
async def register(
    wanted: RegisterRequest, client: ClientDep, base_url: BaseUrl
) -> User | Response:
    if not config.reveal_registered:
        await service.register_unseen(wanted, client=client, base_url=base_url)
        return JSONResponse({}, status.HTTP_202_ACCEPTED)
    try:
        return await service.register(wanted, client=client)
    except service.AlreadyTaken as taken:
        raise HTTPException(status.HTTP_409_CONFLICT, str(taken)) from None


@router.post("/login", responses=_problems(401, 429, 503), openapi_extra=_login_body())
async def login(
    given: Annotated[LoginRequest, Depends(read_login)], client: ClientDep
) -> Token:
    try:
        return await service.log_in(given, client=client)
    except service.InvalidCredentials:
        raise unauthorized("Incorrect username or password") from None


@router.post(
    "/password/change",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(400, 401, 409, 429, 503),
)
async def change_password(
    given: PasswordChange, user: CurrentUser, claims: Claims, client: ClientDep
) -> None:
    try:
        await account.change_password(
            user,
            current=given.current_password.get_secret_value(),
            new=given.new_password.get_secret_value(),
            session_id=claims.sid,
            client=client,
        )
    except account.WrongPassword:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Incorrect password") from None
    except account.NoPassword:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "The account has no password yet"
        ) from None


@router.post(
    "/password/set",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(401, 403, 409, 503),
)
async def set_password(given: PasswordSet, user: RecentUser, client: ClientDep) -> None:
    try:
        await account.set_password(
            user, new=given.new_password.get_secret_value(), client=client
        )
    except account.HasPassword:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "The account has a password already"
        ) from None


@router.post(
    "/password/forgot",
    status_code=status.HTTP_202_ACCEPTED,
    responses=_problems(429),
)
async def forgot_password(
    given: PasswordForgotten,
    client: ClientDep,
    base_url: BaseUrl,
    after: BackgroundTasks,
) -> dict[str, str]:
    await recovery.forget_password(
        given.email, client=client, base_url=base_url, after=after
    )
    return {}


@router.post(
    "/password/reset",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(400, 429, 503),
)
async def reset_password(given: PasswordReset, client: ClientDep) -> None:
    try:
        await recovery.reset_password(
            given.token.get_secret_value(),
            new=given.new_password.get_secret_value(),
            client=client,
        )
    except InvalidOneTimeToken:
        raise _invalid_link() from None


# fastman: end
@router.post(
    "/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(401),
    # fastman: if oauth or ui
    dependencies=[Depends(sign_out_browser)],
    # fastman: end
)
async def logout(claims: Claims, client: ClientDep) -> None:
    # fastman: if keycloak
    if isinstance(claims, KeycloakClaims):
        return  # its session is Keycloak's to end
    # fastman: end
    if not await session_service.log_out(claims, client=client):
        raise unauthorized("Could not validate credentials")


@router.get("/sessions", responses=_problems(401))
async def sessions(user: CurrentUser, claims: Claims) -> list[SessionPublic]:
    rows = await read(list_sessions, user.id)
    return [
        SessionPublic.model_validate(row).model_copy(
            update={"current": row.id == claims.sid}
        )
        for row in rows
    ]


@router.delete(
    "/sessions", status_code=status.HTTP_204_NO_CONTENT, responses=_problems(401)
)
async def end_other_sessions(
    user: CurrentUser, claims: Claims, client: ClientDep
) -> None:
    await session_service.end_others(user=user, current_id=claims.sid, client=client)


# The path converter takes an empty id too, which would else be redirected to the
# route above.
@router.delete(
    "/sessions/{session_id:path}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(401, 404),
)
async def end_session(
    session_id: str, user: CurrentUser, claims: Claims, client: ClientDep
) -> None:
    if not await session_service.end_one(
        session_id, user=user, current_id=claims.sid, client=client
    ):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Session not found")


@router.post(
    "/verify/request",
    status_code=status.HTTP_202_ACCEPTED,
    responses=_problems(401, 429),
)
async def request_verification(
    user: CurrentUser, client: ClientDep, base_url: BaseUrl
) -> dict[str, str]:
    await verification.request_verification(user, client=client, base_url=base_url)
    return {}


@router.post(
    "/verify",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=_problems(400, 401, 429, 503),
)
async def verify(
    given: VerifyRequest, claims: OptionalClaims, client: ClientDep
) -> None:
    token = given.token.get_secret_value()
    try:
        # fastman: if jwt
        if claims is None and given.password:
            await verification.verify_with_password(
                token, password=given.password.get_secret_value(), client=client
            )
            return
        # fastman: end
        if claims is None:
            raise unauthorized("Not authenticated")
        await verification.verify_with_session(
            token,
            user=await load_user(claims),
            session_id=claims.sid,
            client=client,
        )
    except InvalidOneTimeToken:
        raise _invalid_link() from None
    # fastman: if jwt
    except verification.WrongPassword:
        raise unauthorized("Incorrect password") from None
    # fastman: end


# fastman: if oauth or keycloak
router.include_router(providers_router)
# fastman: end
# fastman: if oauth
router.include_router(oauth_router)
# fastman: end
# fastman: if passkey
router.include_router(passkey_router)
# fastman: end
# fastman: if ui
router.include_router(ui_router)
# fastman: end
# fastman: if oauth or ui
router.include_router(sign_out_router)
# fastman: end
