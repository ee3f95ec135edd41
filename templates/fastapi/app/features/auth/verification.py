# fastman: file jwt or oauth or passkey
"""Who owns an address: an account does only once somebody has proved it."""

from functools import partial

from sqlalchemy.orm import Session

from . import mails, throttle
from .clients import Client
from .clock import utc_now
from .credentials import Proof, accept, check_password
from .database import read, write
from .events import log_event, log_sessions_ended
from .models import User
from .one_time import (
    InvalidOneTimeToken,
    find_one_time_token,
    issue_one_time_token,
    take_one_time_token,
)
from .ownership import drop_other_credentials
from .sessions import end_sessions
from .users import find_user


async def request_verification(user: User, *, client: Client, base_url: str) -> None:
    """Mail a link to the user's address, unless it is verified already."""
    token = await write(_issue_link, user, client)
    if token:
        log_event("auth.email.verification_sent", user_id=user.id, ip=client.ip)
        mails.mail_verify_link(user.email, base_url=base_url, token=token)


def _issue_link(db: Session, user: User, client: Client) -> str | None:
    account = throttle.user_key(user)
    throttle.count_attempt(db, "verify", client=client, account=account)
    if user.is_verified:
        return None
    return issue_one_time_token(db, user, purpose="verify")


async def verify_with_session(
    token: str, *, user: User, session_id: str, client: Client
) -> None:
    """Verify the address of the user whose session presents the link's token.

    The session shows that whoever opened the link also opened the account: without
    it, a stranger's account would become theirs by a click. Raises
    InvalidOneTimeToken.
    """
    attempt = await write(throttle.count_attempt, "verify", client=client)
    ended = await write(_verify, token, user, session_id, attempt)
    _report(user, ended, client)


def _verify(
    db: Session,
    token: str,
    owner: User,
    keep: str | None,
    attempt: throttle.Attempt,
) -> list[str]:
    user = take_one_time_token(db, token, purpose="verify")
    if user.id != owner.id:
        raise InvalidOneTimeToken  # rolls back: the token stays its owner's
    throttle.give_back(db, attempt)
    if not mark_verified(user):
        return []
    # fastman: if oauth or passkey or keycloak
    drop_other_credentials(db, user, keep)
    # fastman: end
    return end_sessions(db, user.id, except_id=keep)


def mark_verified(user: User) -> bool:
    """Note that the address was proved; True: it was not before."""
    if user.is_verified:
        return False
    user.email_verified_at = utc_now()
    return True


def _report(user: User, ended: list[str], client: Client) -> None:
    log_event("auth.email.verified", user_id=user.id, ip=client.ip)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    if ended:
        log_event("auth.account.takeover", user_id=user.id, ip=client.ip)
        mails.mail_taken_over(user, client=client)


# fastman: if jwt
class WrongPassword(Exception):
    """The account of the link has another password."""


async def verify_with_password(token: str, *, password: str, client: Client) -> None:
    """Do the same without a session, for whoever knows the account's password.

    A wrong password counts as a failed sign-in and leaves the token as it is. Raises
    InvalidOneTimeToken and WrongPassword.
    """
    attempt = await write(throttle.count_attempt, "verify", client=client)
    owner = await read(find_one_time_token, token, purpose="verify")
    proof = await check_password(
        password,
        name=owner.email,
        find=partial(find_user, user_id=owner.id),
        client=client,
    )
    ended = await write(_verify_proved, token, owner, attempt, proof, client)
    _report(owner, ended, client)


def _verify_proved(
    db: Session,
    token: str,
    owner: User,
    attempt: throttle.Attempt,
    proof: Proof,
    client: Client,
) -> list[str]:
    if accept(db, proof) is None:
        raise WrongPassword
    return _verify(db, token, owner, None, attempt)


# fastman: end
