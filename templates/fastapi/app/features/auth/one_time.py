# fastman: file jwt or oauth or passkey
"""Mailed tokens: one of each purpose for a user, good for one use by one of many."""

from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .clock import utc_now
from .database import dialect_of, upsert
from .models import AuthToken, User
from .security import hash_one_time_token, new_one_time_token
from .users import lock_user

Purpose = Literal["reset", "verify", "recovery"]

_LIFETIMES: dict[Purpose, int] = {  # seconds
    # fastman: if jwt
    "reset": 30 * 60,
    # fastman: end
    "verify": 24 * 60 * 60,
    # fastman: if passkey
    "recovery": 30 * 60,
    # fastman: end
}


class InvalidOneTimeToken(Exception):
    """Unknown, used, too old, replaced by a newer one, or for another address."""


def issue_one_time_token(db: Session, user: User, *, purpose: Purpose) -> str:
    """Return a new token, which replaces the one before; only its hash is stored."""
    token = new_one_time_token()
    insert = upsert(dialect_of(db), AuthToken).values(
        token_hash=hash_one_time_token(token),
        purpose=purpose,
        user_id=user.id,
        email_key=user.email_key,
        created_at=utc_now(),
        expires_at=utc_now(_LIFETIMES[purpose]),
    )
    fields = ("token_hash", "email_key", "created_at", "expires_at")
    db.execute(
        insert.on_conflict_do_update(
            index_elements=["user_id", "purpose"],
            set_={name: insert.excluded[name] for name in fields},
        )
    )
    return token


def find_one_time_token(db: Session, token: str, *, purpose: Purpose) -> User:
    """Return whose token it is, and leave it; raises InvalidOneTimeToken."""
    user = db.scalar(
        select(User)
        .join(AuthToken, AuthToken.user_id == User.id)
        .where(
            AuthToken.token_hash == hash_one_time_token(token),
            AuthToken.purpose == purpose,
            AuthToken.expires_at > utc_now(),
            AuthToken.email_key == User.email_key,
            User.is_active,
        )
    )
    if user is None:
        raise InvalidOneTimeToken
    return user


def take_one_time_token(db: Session, token: str, *, purpose: Purpose) -> User:
    """Use a token up, and return its user, locked; raises InvalidOneTimeToken.

    The user is locked first, as wherever a password changes, so that none of them
    waits for another in a circle. One statement then takes the token, so that of any
    number at once exactly one succeeds.
    """
    owner = find_one_time_token(db, token, purpose=purpose)
    user = lock_user(db, owner.id)
    taken = db.scalar(
        delete(AuthToken)
        .where(
            AuthToken.token_hash == hash_one_time_token(token),
            AuthToken.purpose == purpose,
            AuthToken.expires_at > utc_now(),
        )
        .returning(AuthToken.email_key)
    )
    if user is None or taken != user.email_key:
        raise InvalidOneTimeToken
    return user


# fastman: if jwt
def drop_one_time_tokens(db: Session, user: User, *, purpose: Purpose) -> None:
    db.execute(
        delete(AuthToken).where(
            AuthToken.user_id == user.id, AuthToken.purpose == purpose
        )
    )


# fastman: end
