# fastman: file jwt or oauth or passkey
"""Sessions: rows that every token points to, and whose deletion ends them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, inspect, select, update
from sqlalchemy.orm import (
    ClassManager,
    Session,
    configure_mappers,
    make_transient_to_detached,
)

from .background import background
from .clients import Client
from .clock import utc_now
from .config import config
from .database import change_row, fetch_row, transaction, write
from .models import AuthSession, User
from .passkey_config import passkey_config
from .schemas import Token
from .security import (
    InvalidToken,
    RefreshToken,
    TokenClaims,
    hash_one_time_token,
    issue_access_token,
    issue_refresh_token,
    new_one_time_token,
    new_salt,
    new_session_id,
)

# Two tabs may refresh at once, and an answer may be lost: for this long, in seconds,
# the refresh token before the newest one is answered with the newest.
_REFRESH_GRACE = 10
_RECENT_LOGIN = 10 * 60  # seconds
# fastman: if oauth or ui
# How often a cookie's use is noted, in seconds: not with each request.
_SEEN_EVERY = 5 * 60
# fastman: end

_IS_LIVE = (
    AuthSession.expires_at > utc_now(),
    AuthSession.created_at > utc_now(-config.session_max_seconds),
)

_users = inspect(User)
USER_COLUMNS = [column.label(name) for name, column in _users.columns.items()]

# One statement, built once: this runs for every request of a signed-in user.
_CURRENT_USER = (
    select(*USER_COLUMNS)
    .join(AuthSession, AuthSession.user_id == User.id)
    .where(
        AuthSession.id == bindparam("session_id"),
        *_IS_LIVE,
        User.id == bindparam("user_id"),
        User.is_active,
    )
)


async def find_current_user(claims: TokenClaims) -> User | None:
    """Return the active user of a live session, detached from the database."""
    keys: dict[str, object] = {"session_id": claims.sid, "user_id": claims.user_id}
    row = await fetch_row(_CURRENT_USER, keys)
    if row is None:
        return None
    return detached(row._mapping)


def detached(columns: Mapping[Any, Any]) -> User:
    """Return what a query of the ORM would, at half the cost."""
    user: User = _make_ready().new_instance()
    user.__dict__.update(columns)
    make_transient_to_detached(user)
    return user


@functools.cache
def _make_ready() -> ClassManager[User]:
    """Do once what the ORM does before its first query."""
    configure_mappers()
    return _users.class_manager


# fastman: if oauth or ui
@dataclass(frozen=True)
class CookieSession:
    """A session whose credential is a cookie, and what a token of it would say."""

    user: User
    claims: TokenClaims


_COOKIE_SESSION = (
    select(
        *USER_COLUMNS,
        AuthSession.id.label("session_id"),
        AuthSession.created_at.label("opened_at"),
        AuthSession.expires_at.label("ends_at"),
        (AuthSession.last_seen_at < utc_now(-_SEEN_EVERY)).label("is_idle"),
    )
    .join(AuthSession, AuthSession.user_id == User.id)
    .where(
        AuthSession.cookie_hash == bindparam("cookie_hash"), *_IS_LIVE, User.is_active
    )
)


async def find_cookie_session(cookie: str) -> CookieSession | None:
    """Return the live session of a cookie, with its active user, in one statement."""
    keys: dict[str, object] = {"cookie_hash": hash_one_time_token(cookie)}
    row = await fetch_row(_COOKIE_SESSION, keys)
    if row is None:
        return None
    if row.is_idle:
        background.submit(partial(transaction, _note_use, row.session_id))
    opened_at = int(row.opened_at.timestamp())
    claims = TokenClaims(
        iss=config.issuer,
        aud=config.issuer,
        sub=str(row.id),
        sid=row.session_id,
        jti=row.session_id,
        iat=opened_at,
        nbf=opened_at,
        exp=int(row.ends_at.timestamp()),
    )
    return CookieSession(detached(row._mapping), claims)


def _note_use(db: Session, session_id: str) -> None:
    """Move the end of a session that is used: once, however many requests ask."""
    used = update(AuthSession).where(
        AuthSession.id == session_id,
        AuthSession.last_seen_at < utc_now(-_SEEN_EVERY),
    )
    db.execute(
        used.values(
            last_seen_at=utc_now(), expires_at=utc_now(config.session_idle_seconds)
        )
    )


def end_cookie_session(db: Session, cookie: str) -> AuthSession | None:
    """End the session of a cookie, and return what it was; None: it had none."""
    ended = delete(AuthSession).where(
        AuthSession.cookie_hash == hash_one_time_token(cookie)
    )
    return db.scalar(ended.returning(AuthSession))


# fastman: end
# fastman: if oauth
def open_cookie_session(
    db: Session, user: User, *, method: str, client: Client, former: str | None
) -> tuple[AuthSession, str]:
    """Open a session, and return the cookie for it; the one before it ends."""
    if former:
        end_cookie_session(db, former)
    session = open_session(db, user, method=method, client=client)
    cookie = new_one_time_token()
    session.cookie_hash = hash_one_time_token(cookie)
    return session, cookie


# fastman: end
# fastman: if ui
def turn_into_cookie_session(
    db: Session, session_id: str, *, user_id: int, former: str | None
) -> str | None:
    """Let a cookie stand for a session from now on, and its refresh tokens no more.

    The session of the cookie before it ends. None: this one has ended itself.
    """
    cookie = new_one_time_token()
    turned = (
        update(AuthSession)
        .where(AuthSession.id == session_id, AuthSession.user_id == user_id)
        .values(cookie_hash=hash_one_time_token(cookie), salt=new_salt())
    )
    if db.scalar(turned.returning(AuthSession.id)) is None:
        return None
    if former:
        end_cookie_session(db, former)  # a second cookie of this one names none by now
    return cookie


# fastman: end
# fastman: if oauth or passkey or keycloak
def end_sessions_of(
    db: Session, user_id: int, *, method: str, except_id: str
) -> list[str]:
    """End the sessions that began in one way, and return the ids of those that did."""
    ended = delete(AuthSession).where(
        AuthSession.user_id == user_id,
        AuthSession.method == method,
        AuthSession.id != except_id,
    )
    return list(db.scalars(ended.returning(AuthSession.id)))


# fastman: end
# fastman: if oauth or passkey
def is_live(db: Session, session_id: str, *, user_id: int) -> bool:
    live = select(AuthSession.id).where(
        AuthSession.id == session_id, AuthSession.user_id == user_id, *_IS_LIVE
    )
    return db.scalar(live) is not None


# fastman: end
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


@dataclass(frozen=True)
class Refreshed:
    """The session as its newest tokens describe it."""

    session_id: str
    user_id: int
    counter: int
    salt: str
    method: str


@dataclass(frozen=True)
class Reused:
    """A refresh token came back after its successor was used: somebody has a copy."""

    session_id: str
    user: User


# The counter decides who rotates: of any number at once, one finds it unchanged.
_ROTATE = (
    update(AuthSession)
    .where(
        AuthSession.id == bindparam("session_id"),
        AuthSession.refresh_counter == bindparam("counter"),
        *_IS_LIVE,
        exists().where(User.id == AuthSession.user_id, User.is_active),
    )
    .values(
        refresh_counter=AuthSession.refresh_counter + 1,
        refreshed_at=utc_now(),
        last_seen_at=utc_now(),
        expires_at=utc_now(config.session_idle_seconds),
    )
    .returning(
        AuthSession.user_id,
        AuthSession.refresh_counter,
        AuthSession.salt,
        AuthSession.method,
    )
)

_REFRESHED_BEFORE = (
    select(
        AuthSession.refresh_counter,
        AuthSession.salt,
        AuthSession.method,
        (AuthSession.refreshed_at > utc_now(-_REFRESH_GRACE)).label("in_grace"),
        User,
    )
    .join(User, AuthSession.user_id == User.id)
    .where(AuthSession.id == bindparam("session_id"), *_IS_LIVE, User.is_active)
)


async def refresh(given: RefreshToken) -> Refreshed | Reused:
    """Rotate, repeat the last rotation, or end a session whose token was copied.

    Raises InvalidToken, which changes nothing, for a token that we did not write.
    """

    def require_genuine(row: Row[Any]) -> None:
        if not given.is_genuine(row.salt):
            raise InvalidToken

    keys: dict[str, object] = {
        "session_id": given.session_id,
        "counter": given.counter,
    }
    row = await change_row(_ROTATE, keys, require_genuine)
    if row is None:
        return await write(_refresh_again, given)
    counter = row.refresh_counter
    return Refreshed(given.session_id, row.user_id, counter, row.salt, row.method)


def _refresh_again(db: Session, given: RefreshToken) -> Refreshed | Reused:
    found = db.execute(_REFRESHED_BEFORE, {"session_id": given.session_id})
    row = found.one_or_none()
    if row is None or not given.is_genuine(row.salt):
        raise InvalidToken
    if given.counter == row.refresh_counter - 1 and row.in_grace:
        counter = row.refresh_counter
        return Refreshed(given.session_id, row.User.id, counter, row.salt, row.method)
    end_session(db, given.session_id, user_id=row.User.id)
    return Reused(given.session_id, row.User)


def list_sessions(db: Session, user_id: int) -> list[AuthSession]:
    """Return the live sessions, the newest first."""
    own = select(AuthSession).where(AuthSession.user_id == user_id, *_IS_LIVE)
    return list(db.scalars(own.order_by(AuthSession.created_at.desc())))


def end_session(db: Session, session_id: str, *, user_id: int) -> bool:
    """End a session of that user; False: there is none of that id."""
    ended = delete(AuthSession).where(
        AuthSession.id == session_id, AuthSession.user_id == user_id
    )
    return db.scalar(ended.returning(AuthSession.id)) is not None


def end_sessions(
    db: Session, user_id: int, *, except_id: str | None = None
) -> list[str]:
    """End all sessions of a user but one, and return the ids of those that ended."""
    ended = delete(AuthSession).where(AuthSession.user_id == user_id)
    if except_id:
        ended = ended.where(AuthSession.id != except_id)
    return list(db.scalars(ended.returning(AuthSession.id)))


def is_recent(db: Session, claims: TokenClaims) -> bool:
    """Tell whether somebody signed in to this session within the last ten minutes."""
    signed_in = select(AuthSession.id).where(
        AuthSession.id == claims.sid,
        AuthSession.authenticated_at > utc_now(-_RECENT_LOGIN),
    )
    return db.scalar(signed_in) is not None


def issue_tokens(session: AuthSession | Refreshed) -> Token:
    if isinstance(session, AuthSession):
        session = Refreshed(
            session.id,
            session.user_id,
            session.refresh_counter,
            session.salt,
            session.method,
        )
    seconds = config.access_token_seconds
    # fastman: if passkey
    if session.method == "passkey":
        seconds = passkey_config.session_seconds
    # fastman: end
    return Token(
        access_token=issue_access_token(
            user_id=session.user_id, session_id=session.session_id, seconds=seconds
        ),
        expires_in=seconds,
        refresh_token=issue_refresh_token(
            session_id=session.session_id,
            counter=session.counter,
            salt=session.salt,
        ),
    )
