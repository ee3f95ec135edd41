# fastman: file passkey
"""Passkeys that are added: to a new account, or to that of whoever is signed in."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import mails, throttle
from .clients import Client
from .database import Contradiction, read, write, write_again
from .events import log_event
from .http import body_error
from .identity import identity_key, normalize_username
from .models import AuthSession, User
from .one_time import issue_one_time_token
from .passkey_ceremony import NewPasskey, read_client_data, verify_attestation
from .passkey_challenges import (
    RegistrationAttempt,
    open_registration,
    take_registration,
)
from .passkey_failed import PasskeyFailed
from .passkey_options import creation_options
from .passkey_schemas import Registration, RegistrationWanted
from .passkeys import insert_passkey, is_known, list_passkeys
from .purge import purge_soon
from .security import new_one_time_token
from .service import UsernameTaken
from .sessions import is_live, open_session
from .users import lock_user


@dataclass(frozen=True)
class Owner:
    """Who is signed in, and adds a passkey to their own account."""

    user: User
    session_id: str


async def begin_registration(
    wanted: RegistrationWanted, *, owner: Owner | None, client: Client
) -> dict[str, Any]:
    """Return the options for a new passkey, whoever has the address.

    Nothing but the challenge is stored. Raises UsernameTaken.
    """
    if owner is None:
        attempt = _new_account(wanted)
        if await read(_is_taken, attempt.username):
            raise UsernameTaken
    else:
        attempt = _further(owner)
    options = await write(_begin, attempt, client)
    purge_soon()
    return options


def _new_account(wanted: RegistrationWanted) -> RegistrationAttempt:
    name = wanted.username
    try:
        username = None if name is None else normalize_username(name)
    except PydanticCustomError as refused:
        raise body_error(refused.type, refused.message(), "username") from None
    handle = new_one_time_token()
    return RegistrationAttempt(email=wanted.email, username=username, handle=handle)


def _further(owner: Owner) -> RegistrationAttempt:
    return RegistrationAttempt(
        email=owner.user.email,
        username=owner.user.username,
        handle=owner.user.webauthn_handle or new_one_time_token(),
        session=owner.session_id,
        user_id=owner.user.id,
    )


def _is_taken(db: Session, username: str | None) -> bool:
    if username is None:
        return False
    owner = select(User.id).where(User.username_key == identity_key(username))
    return db.scalar(owner) is not None


def _begin(db: Session, attempt: RegistrationAttempt, client: Client) -> dict[str, Any]:
    throttle.count_attempt(db, "passkey", client=client)
    known = list_passkeys(db, attempt.user_id) if attempt.user_id else []
    return creation_options(attempt, open_registration(db, attempt), known=known)


async def finish_registration(
    given: Registration, *, owner: Owner | None, client: Client
) -> AuthSession:
    """Store a passkey, and return the session that its owner has now.

    Raises PasskeyFailed and UsernameTaken.
    """
    asked = read_client_data(given.credential.response.client_data_json)
    attempt = await write(take_registration, asked.challenge, email=given.email)
    if attempt is None or not _is_of(attempt, owner):
        raise PasskeyFailed("challenge")
    new = verify_attestation(given.credential, asked)
    purge_soon()
    try:
        if attempt.user_id is not None:
            return await _add(given, new, attempt, client)
        return await _sign_up(given, new, attempt, client)
    except Contradiction:
        raise PasskeyFailed("taken") from None


def _is_of(attempt: RegistrationAttempt, owner: Owner | None) -> bool:
    if attempt.user_id is None:
        return True
    found = (owner.user.id, owner.session_id) if owner else None
    return found == (attempt.user_id, attempt.session)


async def _add(
    given: Registration, new: NewPasskey, attempt: RegistrationAttempt, client: Client
) -> AuthSession:
    user, session = await write(_insert_further, given, new, attempt, client)
    log_event("auth.passkey.added", user_id=user.id, ip=client.ip)
    mails.mail_passkey_added(user, client=client)
    return session


def _insert_further(
    db: Session,
    given: Registration,
    new: NewPasskey,
    attempt: RegistrationAttempt,
    client: Client,
) -> tuple[User, AuthSession]:
    user = lock_user(db, attempt.user_id or 0)
    session = db.get(AuthSession, attempt.session)
    if user is None or session is None or not is_live(db, session.id, user_id=user.id):
        raise PasskeyFailed("challenge")
    # Another passkey may have been the first one meanwhile.
    user.webauthn_handle = user.webauthn_handle or attempt.handle
    if user.webauthn_handle != attempt.handle:
        raise PasskeyFailed("challenge", user.id)
    _insert(db, user, given, new, client)
    return user, session


async def _sign_up(
    given: Registration, new: NewPasskey, attempt: RegistrationAttempt, client: Client
) -> AuthSession:
    try:
        user, session = await write_again(_insert_account, given, new, attempt, client)
    except _AddressTaken as taken:
        if await write(_may_mail, taken.owner):
            mails.mail_passkey_refused(taken.owner, client=client)
        raise PasskeyFailed("foreign", taken.owner.id) from None
    log_event("auth.register.ok", user_id=user.id, ip=client.ip)
    log_event("auth.passkey.added", user_id=user.id, ip=client.ip)
    return session


# fastman: if jwt
async def mail_verify_link(user_id: int, *, base_url: str) -> None:
    """Have the address of a new account confirmed, as after a sign-up by password."""
    to, token = await write(_issue_link, user_id)
    mails.mail_verify_link(to, base_url=base_url, token=token)


def _issue_link(db: Session, user_id: int) -> tuple[str, str]:
    user = db.get_one(User, user_id)
    return user.email, issue_one_time_token(db, user, purpose="verify")


# fastman: end
class _AddressTaken(Exception):
    def __init__(self, owner: User) -> None:
        self.owner = owner


def _insert_account(
    db: Session,
    given: Registration,
    new: NewPasskey,
    attempt: RegistrationAttempt,
    client: Client,
) -> tuple[User, AuthSession]:
    email_key = identity_key(attempt.email)
    if owner := db.scalar(select(User).where(User.email_key == email_key)):
        db.expunge(owner)  # as it was read, whatever is rolled back
        raise _AddressTaken(owner)
    if _is_taken(db, attempt.username):
        raise UsernameTaken
    user = User(
        email=attempt.email,
        email_key=email_key,
        username=attempt.username,
        username_key=attempt.username and identity_key(attempt.username),
        webauthn_handle=attempt.handle,
    )
    db.add(user)
    db.flush()
    _insert(db, user, given, new, client)
    throttle.remember_address(db, user, client=client)
    return user, open_session(db, user, method="passkey", client=client)


def _insert(
    db: Session, user: User, given: Registration, new: NewPasskey, client: Client
) -> None:
    if is_known(db, new.id):
        raise PasskeyFailed("taken", user.id)
    transports = given.credential.response.transports or []
    insert_passkey(db, user, new, transports=transports, name=given.device_name)
    throttle.forgive(db, "passkey", client=client)


def _may_mail(db: Session, owner: User) -> bool:
    return throttle.claim_hourly(db, f"mail:passkey:{throttle.user_key(owner)}")
