# fastman: file passkey
"""The way back for who has lost all passkeys: codes from before, or a mailed link."""

import logging
import re
import secrets
from collections.abc import Callable
from functools import partial

from fastapi import BackgroundTasks
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from . import mails, throttle
from .background import background
from .clients import Client
from .clock import utc_now
from .database import transaction, write
from .events import log_event, log_sessions_ended, session_hash
from .identity import identity_key
from .models import AuthSession, AuthToken, User
from .one_time import InvalidOneTimeToken, issue_one_time_token, take_one_time_token
from .passkey_config import passkey_config
from .purge import purge_soon
from .schemas import Token
from .security import hash_one_time_token
from .sessions import end_sessions, issue_tokens, open_session
from .users import lock_user

_CODES = 10
_CODE_BYTES = 16
_CODE_SECONDS = 10 * 365 * 24 * 60 * 60
_PURPOSES = [f"recovery_code_{number}" for number in range(_CODES)]


class InvalidRecovery(Exception):
    """Another code, a used one, or of an account that is not there or disabled."""


async def make_codes(user: User, *, client: Client) -> list[str]:
    """Return new codes, which replace all others; only their hashes are stored."""
    codes = [secrets.token_hex(_CODE_BYTES) for _ in range(_CODES)]
    await write(_store_codes, user, codes)
    log_event("auth.passkey.codes", user_id=user.id, ip=client.ip)
    mails.mail_recovery_codes_made(user, client=client)
    return ["-".join(re.findall("....", code)) for code in codes]


def _store_codes(db: Session, user: User, codes: list[str]) -> None:
    lock_user(db, user.id)  # so that of two sets at once one stays, whole
    db.execute(
        delete(AuthToken).where(
            AuthToken.user_id == user.id, AuthToken.purpose.in_(_PURPOSES)
        )
    )
    db.add_all(
        AuthToken(
            token_hash=hash_one_time_token(code),
            purpose=purpose,
            user_id=user.id,
            email_key=user.email_key,
            expires_at=utc_now(_CODE_SECONDS),
        )
        for purpose, code in zip(_PURPOSES, codes, strict=True)
    )


async def recover_with_code(email: str, code: str, *, client: Client) -> Token:
    """Open a session and end all others, or raise InvalidRecovery."""
    user_id, attempt = await write(_count, email, client)
    digits = re.sub(r"[\s-]", "", code).lower()
    take = partial(_take_code, email=email, code=digits)
    return await _recover(take, attempt, client=client, user_id=user_id)


def _count(
    db: Session, email: str, client: Client
) -> tuple[int | None, throttle.Attempt]:
    user = _find_active(db, email)
    account = throttle.user_key(user) if user else throttle.name_key(email)
    attempt = throttle.count_attempt(db, "recovery", client=client, account=account)
    return user.id if user else None, attempt


def _find_active(db: Session, email: str) -> User | None:
    owner = select(User).where(User.email_key == identity_key(email), User.is_active)
    return db.scalar(owner)


def _take_code(db: Session, *, email: str, code: str) -> User:
    """Use a code up: of any number at once, one succeeds."""
    its_row = (
        AuthToken.token_hash == hash_one_time_token(code),
        AuthToken.purpose.in_(_PURPOSES),
        AuthToken.email_key == identity_key(email),
        AuthToken.expires_at > utc_now(),
    )
    owner_id = db.scalar(select(AuthToken.user_id).where(*its_row))
    user = lock_user(db, owner_id) if owner_id else None
    taken = db.scalar(delete(AuthToken).where(*its_row).returning(AuthToken.user_id))
    if user is None or taken != user.id:
        raise InvalidRecovery
    return user


async def recover_with_link(token: str, *, client: Client) -> Token:
    """Do the same with what a mail brought."""
    attempt = await write(throttle.count_attempt, "recovery", client=client)
    take = partial(_take_link, token=token)
    return await _recover(take, attempt, client=client, user_id=None)


def _take_link(db: Session, *, token: str) -> User:
    if not passkey_config.email_recovery:
        raise InvalidRecovery
    try:
        return take_one_time_token(db, token, purpose="recovery")
    except InvalidOneTimeToken:
        raise InvalidRecovery from None


async def _recover(
    take: Callable[[Session], User],
    attempt: throttle.Attempt,
    *,
    client: Client,
    user_id: int | None,
) -> Token:
    try:
        user, session, ended = await write(_enter, take, attempt, client)
    except InvalidRecovery:
        _report_failed(user_id, client)
        raise
    log_event(
        "auth.passkey.recovered",
        user_id=user.id,
        ip=client.ip,
        session=session_hash(session.id),
    )
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_recovered(user, client=client)
    purge_soon()
    return issue_tokens(session)


def _enter(
    db: Session,
    take: Callable[[Session], User],
    attempt: throttle.Attempt,
    client: Client,
) -> tuple[User, AuthSession, list[str]]:
    user = take(db)
    ended = end_sessions(db, user.id)
    throttle.give_back(db, attempt)
    throttle.remember_address(db, user, client=client)
    session = open_session(db, user, method="recovery", client=client)
    return user, session, ended


def _report_failed(user_id: int | None, client: Client) -> None:
    log_event(
        "auth.passkey.recovery_failed",
        level=logging.WARNING,
        user_id=user_id,
        ip=client.ip,
    )


async def request_link(
    email: str, *, client: Client, base_url: str, after: BackgroundTasks
) -> None:
    """Mail a link to the owner of that address, if it was proved to be theirs."""
    await write(_count_request, email, client)
    # Nobody looks before the answer is sent: it must not take longer for somebody.
    after.add_task(background.submit, partial(_mail_link, email, client, base_url))


def _count_request(db: Session, email: str, client: Client) -> None:
    account = throttle.name_key(email)
    throttle.count_attempt(db, "recovery_request", client=client, account=account)


def _mail_link(email: str, client: Client, base_url: str) -> None:
    issued = transaction(_issue_link, email)
    if issued is None:
        return
    user, token = issued
    log_event("auth.passkey.recovery_sent", user_id=user.id, ip=client.ip)
    mails.mail_recovery_link(user.email, base_url=base_url, token=token)


def _issue_link(db: Session, email: str) -> tuple[User, str] | None:
    user = _find_active(db, email)
    if user is None or not user.is_verified:
        # As much is written as for somebody: the next request could tell.
        throttle.claim_hourly(db, "recovery:nobody")
        return None
    return user, issue_one_time_token(db, user, purpose="recovery")
