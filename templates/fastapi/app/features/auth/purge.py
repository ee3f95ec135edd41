# fastman: file jwt or oauth or passkey
"""Deletes rows whose time is over, a few at a time, while the app is used."""

import time
from itertools import count

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .background import background
from .clock import utc_now
from .database import transaction
from .models import AuthChallenge, AuthSession, AuthThrottle, AuthToken

_EVERY = 60  # seconds
_BATCH = 500  # rows: a short lock, whatever has piled up
_BATCHES_MAX = 20

_TABLES = (AuthSession, AuthToken, AuthThrottle, AuthChallenge)
_Purged = type[AuthSession] | type[AuthToken] | type[AuthThrottle] | type[AuthChallenge]

_next = 0.0  # on this process's monotonic clock


def purge_soon() -> None:
    """Have expired rows deleted in the background, at most once a minute."""
    global _next
    now = time.monotonic()
    if now >= _next:
        _next = now + _EVERY
        background.submit(_purge)


def _purge() -> None:
    for table in _TABLES:
        for batch in count(1):
            deleted = transaction(_delete_expired, table)
            if deleted < _BATCH or batch == _BATCHES_MAX:
                break


def _delete_expired(db: Session, table: _Purged) -> int:
    (key,) = table.__table__.primary_key
    expired = select(key).where(table.expires_at <= utc_now()).limit(_BATCH)
    # Replicas that purge at the same time leave each other's rows alone.
    chosen = expired.with_for_update(skip_locked=True).scalar_subquery()
    result = db.execute(
        delete(table)
        .where(key.in_(chosen))
        .execution_options(synchronize_session=False)
        .returning(key)
    )
    return len(result.all())
