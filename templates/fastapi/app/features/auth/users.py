# fastman: file jwt or oauth or passkey
"""Rows of users, by their ids."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from .models import User

# NO KEY UPDATE, so that sessions and tokens of the user can be made meanwhile.
_LOCKED = (
    select(User)
    .where(User.id == bindparam("user_id"), User.is_active)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


# fastman: if jwt
def find_user(db: Session, user_id: int) -> User | None:
    return db.get(User, user_id)


# fastman: end
def lock_user(db: Session, user_id: int) -> User | None:
    """Return an active user as it is now, whom nobody else changes until the end.

    Whoever takes other locks takes this one first, so that nobody waits in a circle.
    """
    return db.scalars(_LOCKED, {"user_id": user_id}).one_or_none()
