"""The endpoints of authentication."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from . import service
from .dependencies import ClientDep, CurrentUser
from .http import AuthRoute, read_fields
from .models import User
from .schemas import LoginRequest, Problem, RegisterRequest, Token, UserPublic

router = APIRouter(prefix="/auth", tags=["auth"], route_class=AuthRoute)


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
    responses={409: {"model": Problem}, 503: {"model": Problem}},
)
async def register(wanted: RegisterRequest, client: ClientDep) -> User:
    try:
        return await service.register(wanted, client=client)
    except service.AlreadyTaken as taken:
        raise HTTPException(status.HTTP_409_CONFLICT, str(taken)) from None


@router.post(
    "/login",
    responses={401: {"model": Problem}, 503: {"model": Problem}},
    openapi_extra=_login_body(),
)
async def login(
    given: Annotated[LoginRequest, Depends(read_login)], client: ClientDep
) -> Token:
    try:
        return await service.log_in(given, client=client)
    except service.InvalidCredentials:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Incorrect username or password",
            headers={"WWW-Authenticate": "Bearer"},
        ) from None


# fastman: end
@router.get("/me", response_model=UserPublic, responses={401: {"model": Problem}})
async def me(user: CurrentUser) -> User:
    return user
