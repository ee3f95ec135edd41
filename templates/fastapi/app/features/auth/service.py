"""What people can do about their account, without HTTP."""

import logging
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .database import read, write
from .events import log_event, session_hash
from .identity import identity_key, login_keys
from .models import AuthSession, User
from .passwords import hash_password, in_hash_queue, needs_rehash, verify_password
from .schemas import LoginRequest, RegisterRequest, Token
from .sessions import Client, issue_tokens, open_session


# fastman: if jwt
class AlreadyTaken(Exception):
    """The address or the name belongs to another account."""


class InvalidCredentials(Exception):
    """No account, another password, none at all, or an account that is disabled."""


async def register(wanted: RegisterRequest, *, client: Client) -> User:
    """Make an account, or raise AlreadyTaken."""
    password = wanted.password.get_secret_value()
    hashed = await in_hash_queue(partial(hash_password, password))
    try:
        user = await write(_insert_user, wanted, hashed)
    except IntegrityError:
        # The unique indexes decide, so two registrations at once cannot both win.
        if taken := await read(_find_taken, wanted):
            raise AlreadyTaken(taken) from None
        raise
    log_event("auth.register.ok", user_id=user.id, ip=client.ip)
    return user


def _insert_user(db: Session, wanted: RegisterRequest, hashed: str) -> User:
    user = User(
        email=wanted.email,
        email_key=identity_key(wanted.email),
        username=wanted.username,
        username_key=wanted.username and identity_key(wanted.username),
        hashed_password=hashed,
    )
    db.add(user)
    db.flush()
    return user


def _find_taken(db: Session, wanted: RegisterRequest) -> str | None:
    email_key = identity_key(wanted.email)
    if db.scalar(select(User.id).where(User.email_key == email_key)):
        return "E-mail is already registered"
    username_key = wanted.username and identity_key(wanted.username)
    if db.scalar(select(User.id).where(User.username_key == username_key)):
        return "Username is already taken"
    return None


async def log_in(given: LoginRequest, *, client: Client) -> Token:
    """Open a session, or raise InvalidCredentials after the same work in any case."""
    password = given.password.get_secret_value()
    user = await read(_find_active_user, given.username)
    stored = user.hashed_password if user else None
    matches, rehashed = await in_hash_queue(partial(_check, password, stored))
    session = None
    if user and matches:
        session = await write(_sign_in, user, rehashed, client)
    if session is None:
        log_event(
            "auth.login.failed",
            level=logging.WARNING,
            user_id=user.id if user else None,
            ip=client.ip,
        )
        raise InvalidCredentials
    log_event(
        "auth.login.ok",
        user_id=session.user_id,
        ip=client.ip,
        session=session_hash(session.id),
    )
    return issue_tokens(session)


def _find_active_user(db: Session, identifier: str) -> User | None:
    email_key, username_key = login_keys(identifier)
    if email_key:
        named = User.email_key == email_key
    else:
        named = User.username_key == username_key
    return db.scalars(select(User).where(named, User.is_active)).one_or_none()


def _check(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Tell whether the password fits, and the hash to keep from now on if it does."""
    if not verify_password(password, stored):
        return False, None
    return True, hash_password(password) if needs_rehash(stored) else None


def _sign_in(
    db: Session, seen: User, rehashed: str | None, client: Client
) -> AuthSession | None:
    """Open the session only if the password that was checked is still the one."""
    unchanged = select(User).where(
        User.id == seen.id,
        User.hashed_password == seen.hashed_password,
        User.is_active,
    )
    user = db.scalars(unchanged.with_for_update()).one_or_none()
    if user is None:
        return None
    if rehashed:
        user.hashed_password = rehashed
    return open_session(db, user, method="password", client=client)


# fastman: end
