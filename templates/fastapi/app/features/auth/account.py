# fastman: file jwt
"""What a signed-in user can do about the password of the account."""

from functools import partial

from sqlalchemy.orm import Session

from . import mails
from .clients import Client
from .credentials import Proof, accept, check_new_password, check_password
from .database import write
from .events import log_event, log_sessions_ended
from .models import User
from .one_time import drop_one_time_tokens
from .passwords import hash_password, in_hash_queue
from .sessions import end_sessions
from .users import find_user, lock_user


class WrongPassword(Exception):
    """The current password is another one."""


class NoPassword(Exception):
    """The account has none that could be changed."""


class HasPassword(Exception):
    """The account has one already, which can be changed instead."""


async def change_password(
    user: User, *, current: str, new: str, session_id: str, client: Client
) -> None:
    """Change the password, and end every session but this one.

    Raises NoPassword and WrongPassword; wrong ones count as failed sign-ins.
    """
    if user.hashed_password is None:
        raise NoPassword
    check_new_password(new, user)
    proof = await check_password(
        current,
        name=user.email,
        find=partial(find_user, user_id=user.id),
        client=client,
    )
    if not proof.matches:
        raise WrongPassword
    hashed = await in_hash_queue(partial(hash_password, new))
    ended = await write(_change, proof, hashed, session_id)
    log_event("auth.password.changed", user_id=user.id, ip=client.ip)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_password_changed(user, client=client)


def _change(db: Session, proof: Proof, hashed: str, session_id: str) -> list[str]:
    user = accept(db, proof)
    if user is None:
        raise WrongPassword
    user.hashed_password = hashed
    drop_one_time_tokens(db, user, purpose="reset")
    return end_sessions(db, user.id, except_id=session_id)


async def set_password(user: User, *, new: str, client: Client) -> None:
    """Give an account its first password, or raise HasPassword."""
    if user.hashed_password is not None:
        raise HasPassword
    check_new_password(new, user)
    hashed = await in_hash_queue(partial(hash_password, new))
    await write(_set, user.id, hashed)
    log_event("auth.password.set", user_id=user.id, ip=client.ip)
    mails.mail_password_changed(user, client=client)


def _set(db: Session, user_id: int, hashed: str) -> None:
    user = lock_user(db, user_id)
    if user is None or user.hashed_password is not None:
        raise HasPassword
    user.hashed_password = hashed
