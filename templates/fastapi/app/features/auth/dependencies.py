"""What routes ask for: the signed-in user, the token's claims, a database session."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.orm import Session

from .database import new_session, read
from .models import User
from .security import InvalidToken, TokenClaims, read_access_token
from .sessions import Client, find_current_user

_USER_AGENT_MAX_LENGTH = 255

_bearer = OAuth2PasswordBearer(tokenUrl="/auth/login", auto_error=False)


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(
        status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"}
    )


async def get_token_claims(
    token: Annotated[str | None, Depends(_bearer)],
) -> TokenClaims:
    """Return the claims of a valid access token, without asking the database.

    A logout or a disabled account does not show here; get_current_user sees both.
    """
    if not token:
        raise _unauthorized("Not authenticated")
    try:
        return read_access_token(token)
    except InvalidToken:
        raise _unauthorized("Could not validate credentials") from None


async def get_current_user(
    claims: Annotated[TokenClaims, Depends(get_token_claims)],
) -> User:
    """Return the user of a live session, loaded and detached from the database."""
    user = await read(find_current_user, claims)
    if user is None:
        raise _unauthorized("Could not validate credentials")
    return user


async def get_current_active_user(
    user: Annotated[User, Depends(get_current_user)],
) -> User:
    """Return the same as get_current_user, which knows only active users."""
    return user


def get_session() -> Iterator[Session]:
    """Lend a route written with `def` a database session of its own."""
    with new_session() as session:
        yield session


async def get_client(request: Request) -> Client:
    return Client(
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent", "")[:_USER_AGENT_MAX_LENGTH],
    )


ClientDep = Annotated[Client, Depends(get_client)]
CurrentUser = Annotated[User, Depends(get_current_user)]
SessionDep = Annotated[Session, Depends(get_session)]
