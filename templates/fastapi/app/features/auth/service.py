# fastman: file jwt
"""Signing up and signing in with a password, without HTTP."""

import logging
from functools import partial

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from . import mails, throttle
from .clients import Client
from .config import config
from .credentials import Proof, accept, check_password
from .database import Contradiction, read, write
from .events import log_event, session_hash
from .identity import identity_key, login_key
from .models import AuthSession, User
from .one_time import issue_one_time_token
from .passwords import hash_password, in_hash_queue
from .purge import purge_soon
from .schemas import LoginRequest, RegisterRequest, Token
from .sessions import issue_tokens, open_session


class AlreadyTaken(Exception):
    """The address or the name belongs to another account."""


class EmailTaken(AlreadyTaken):
    def __init__(self, owner: str) -> None:
        self.owner = owner  # the address as the account has it

    def __str__(self) -> str:
        return "E-mail is already registered"


class UsernameTaken(AlreadyTaken):
    def __str__(self) -> str:
        return "Username is already taken"


class InvalidCredentials(Exception):
    """No account, another password, none at all, or an account that is disabled."""


async def register(wanted: RegisterRequest, *, client: Client) -> User:
    """Make an account, or raise AlreadyTaken."""
    password = wanted.password.get_secret_value()
    hashed = await in_hash_queue(partial(hash_password, password))
    try:
        user = await write(_insert_user, wanted, hashed)
    except Contradiction:
        # The unique indexes decide, so two registrations at once cannot both win.
        if taken := await read(_find_taken, wanted):
            raise taken from None
        raise
    log_event("auth.register.ok", user_id=user.id, ip=client.ip)
    return user


async def register_unseen(
    wanted: RegisterRequest, *, client: Client, base_url: str
) -> None:
    """Make an account if it can be made; only its address gets to know."""
    try:
        user = await register(wanted, client=client)
    except EmailTaken as taken:
        if await write(_may_mail, taken.owner):
            mails.mail_already_registered(taken.owner)
    except UsernameTaken:
        if await write(_may_mail, wanted.email):
            mails.mail_username_taken(wanted.email)
    else:
        token = await write(issue_one_time_token, user, purpose="verify")
        mails.mail_verify_link(user.email, base_url=base_url, token=token)


def _may_mail(db: Session, email: str) -> bool:
    return throttle.claim_hourly(db, f"mail:taken:{throttle.name_key(email)}")


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


def _find_taken(db: Session, wanted: RegisterRequest) -> AlreadyTaken | None:
    email_key = identity_key(wanted.email)
    if owner := db.scalar(select(User.email).where(User.email_key == email_key)):
        return EmailTaken(owner)
    username_key = wanted.username and identity_key(wanted.username)
    if db.scalar(select(User.id).where(User.username_key == username_key)):
        return UsernameTaken()
    return None


async def log_in(given: LoginRequest, *, client: Client) -> Token:
    """Open a session, or raise InvalidCredentials after the same work in any case."""
    name = login_key(given.username)
    proof = await check_password(
        given.password.get_secret_value(),
        name=name,
        find=partial(_find_active_user, name=name),
        client=client,
    )
    session = await write(_sign_in, proof, client) if proof.matches else None
    if session is None:
        user_id = proof.user.id if proof.user else None
        log_event(
            "auth.login.failed", level=logging.WARNING, user_id=user_id, ip=client.ip
        )
        raise InvalidCredentials
    log_event(
        "auth.login.ok",
        user_id=session.user_id,
        ip=client.ip,
        session=session_hash(session.id),
    )
    purge_soon()
    return issue_tokens(session)


_BY_EMAIL = select(User).where(User.email_key == bindparam("name"), User.is_active)
_BY_USERNAME = select(User).where(
    User.username_key == bindparam("name"), User.is_active
)


def _find_active_user(db: Session, name: str) -> User | None:
    named = _BY_EMAIL if "@" in name else _BY_USERNAME
    return db.scalars(named, {"name": name}).one_or_none()


def _sign_in(db: Session, proof: Proof, client: Client) -> AuthSession | None:
    if not (config.reveal_registered or (proof.user and proof.user.is_verified)):
        return None  # and the attempt stays counted, as one on a taken address does
    user = accept(db, proof)
    if user is None:
        return None
    throttle.remember_address(db, user, client=client)
    return open_session(db, user, method="password", client=client)
