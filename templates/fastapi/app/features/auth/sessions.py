"""Sessions: rows that every token points to, and whose deletion ends them."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from .config import config
from .database import utc_now
from .models import AuthSession, User
from .schemas import Token
from .security import (
    TokenClaims,
    issue_access_token,
    issue_refresh_token,
    new_salt,
    new_session_id,
)


@dataclass(frozen=True)
class Client:
    """Where a request comes from, as far as the user wants to recognise it."""

    ip: str | None
    user_agent: str | None


# One statement, built once: this runs for every request of a signed-in user.
_CURRENT_USER = (
    select(User)
    .join(AuthSession, AuthSession.user_id == User.id)
    .where(
        AuthSession.id == bindparam("session_id"),
        AuthSession.expires_at > utc_now(),
        AuthSession.created_at > utc_now(-config.session_max_seconds),
        User.id == bindparam("user_id"),
        User.is_active,
    )
)


def find_current_user(db: Session, claims: TokenClaims) -> User | None:
    """Return the active user of a live session."""
    keys = {"session_id": claims.sid, "user_id": claims.user_id}
    return db.scalars(_CURRENT_USER, keys).one_or_none()


def open_session(
    db: Session, user: User, *, method: str, client: Client
) -> AuthSession:
    session = AuthSession(
        id=new_session_id(),
        user_id=user.id,
        method=method,
        salt=new_salt(),
        ip=client.ip,
        user_agent=client.user_agent,
        expires_at=utc_now(config.session_idle_seconds),
    )
    db.add(session)
    db.flush()
    return session


def issue_tokens(session: AuthSession) -> Token:
    return Token(
        access_token=issue_access_token(user_id=session.user_id, session_id=session.id),
        expires_in=config.access_token_seconds,
        refresh_token=issue_refresh_token(
            session_id=session.id,
            counter=session.refresh_counter,
            salt=session.salt,
        ),
    )
