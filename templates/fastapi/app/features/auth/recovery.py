# fastman: file jwt
"""A forgotten password: a mailed link, and the new password that it allows."""

from functools import partial

from fastapi import BackgroundTasks
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import mails, throttle
from .background import background
from .clients import Client
from .credentials import check_new_password
from .database import read, transaction, write
from .events import log_event, log_sessions_ended
from .identity import identity_key
from .models import User
from .one_time import find_one_time_token, issue_one_time_token, take_one_time_token
from .ownership import drop_other_credentials
from .passkey_config import passkey_config
from .passwords import hash_password, in_hash_queue
from .sessions import end_sessions
from .verification import mark_verified


async def forget_password(
    email: str, *, client: Client, base_url: str, after: BackgroundTasks
) -> None:
    """Mail a link to the owner of that address, if there is one with a password."""
    await write(_count_request, email, client)
    # Whether there is such an account must not show in how long the answer takes, so
    # that nobody looks before it is sent.
    after.add_task(background.submit, partial(_mail_link, email, client, base_url))


def _count_request(db: Session, email: str, client: Client) -> None:
    account = throttle.name_key(email)
    throttle.count_attempt(db, "forgot", client=client, account=account)


def _mail_link(email: str, client: Client, base_url: str) -> None:
    issued = transaction(_issue_link, email)
    if issued is None:
        return
    user, token = issued
    log_event("auth.password.forgot", user_id=user.id, ip=client.ip)
    mails.mail_reset_link(user.email, base_url=base_url, token=token)


def _issue_link(db: Session, email: str) -> tuple[User, str] | None:
    owner = select(User).where(User.email_key == identity_key(email), User.is_active)
    user = db.scalar(owner)
    if user is None or not _may_choose(user):
        # As much is written as for somebody: the next request could tell.
        throttle.claim_hourly(db, "forgot:nobody")
        return None
    return user, issue_one_time_token(db, user, purpose="reset")


def _may_choose(user: User) -> bool:
    # fastman: if passkey
    if passkey_config.email_recovery:
        return True
    # fastman: end
    # A mail must not become a way in where there was none by password.
    return user.hashed_password is not None


async def reset_password(token: str, *, new: str, client: Client) -> None:
    """Set a new password, verify the address, and end every session.

    Raises InvalidOneTimeToken, and RequestValidationError for a password that is not
    allowed, which leaves the token as it is.
    """
    attempt = await write(throttle.count_attempt, "reset", client=client)
    user = await read(find_one_time_token, token, purpose="reset")
    check_new_password(new, user)
    hashed = await in_hash_queue(partial(hash_password, new))
    taken_over, ended = await write(_reset, token, hashed, attempt, client)
    log_event("auth.password.reset", user_id=user.id, ip=client.ip)
    if taken_over:
        log_event("auth.account.takeover", user_id=user.id, ip=client.ip)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_password_reset(user, client=client, taken_over=taken_over)


def _reset(
    db: Session, token: str, hashed: str, attempt: throttle.Attempt, client: Client
) -> tuple[bool, list[str]]:
    user = take_one_time_token(db, token, purpose="reset")
    user.hashed_password = hashed
    taken_over = mark_verified(user)
    # fastman: if oauth or passkey or keycloak
    if taken_over:
        drop_other_credentials(db, user, None)
    # fastman: end
    ended = end_sessions(db, user.id)
    throttle.give_back(db, attempt)
    throttle.lift(db, user, client=client)
    return taken_over, ended
