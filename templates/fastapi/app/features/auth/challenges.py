# fastman: file oauth or passkey
"""Ceremonies under way, as rows: each is taken once, by one of any number at once."""

from sqlalchemy import ColumnElement, delete
from sqlalchemy.orm import Session

from .clock import utc_now
from .models import AuthChallenge


def take_challenge(
    db: Session, challenge_id: str, purpose: str, *conditions: ColumnElement[bool]
) -> AuthChallenge | None:
    """Take a row in one statement: of any number at once, one gets it."""
    taken = delete(AuthChallenge).where(
        AuthChallenge.id == challenge_id,
        AuthChallenge.purpose == purpose,
        AuthChallenge.expires_at > utc_now(),
        *conditions,
    )
    return db.scalar(taken.returning(AuthChallenge))


def drop_challenges(db: Session, user_id: int) -> None:
    db.execute(delete(AuthChallenge).where(AuthChallenge.user_id == user_id))
