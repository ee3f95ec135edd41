# fastman: file jwt or oauth or passkey
"""Bounds on attempts, counted in rows, so that they hold across replicas."""

import functools
import logging
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fastapi import HTTPException, status
from sqlalchemy import Integer, Row, bindparam, case, delete, select, update
from sqlalchemy.orm import Session

from .clients import Client
from .clock import utc_now
from .config import config
from .database import dialect_of, upsert
from .events import log_event
from .identity import identity_key
from .models import AuthThrottle, User
from .security import base64url

_MINUTE = 60  # seconds
_HOUR = 60 * _MINUTE


@dataclass(frozen=True)
class Bound:
    """So many attempts in a window that the first of them opens."""

    limit: int
    seconds: int


PER_ACCOUNT_AND_IP = Bound(10, 15 * _MINUTE)
PER_IP = Bound(100, 15 * _MINUTE)
PER_ACCOUNT = Bound(100, 24 * _HOUR)


class TooManyAttempts(HTTPException):
    """A bound is reached; what was counted on the way is rolled back."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            status.HTTP_429_TOO_MANY_REQUESTS,
            "Too many attempts, try again later",
            headers={"Retry-After": str(seconds)},
        )


@dataclass(frozen=True)
class Attempt:
    """What was counted for one attempt, to be given back if it succeeds."""

    account: str | None
    keys: tuple[str, ...]


def user_key(user: User) -> str:
    """Name an account in the keys of its counters."""
    return f"u{user.id}"


def name_key(name: str) -> str:
    """Name what may be nobody's account: such names are counted like all others.

    The name is normalized, so that all spellings count as one.
    """
    # What people type as a name may be their password.
    return base64url(sha256(identity_key(name).encode()).digest())[:22]


def count_attempt(
    db: Session, purpose: str, *, client: Client, account: str | None = None
) -> Attempt:
    """Count before the work is done, or raise TooManyAttempts.

    Past the bound of an account only addresses that it was used from may try, so that
    nobody can lock its owner out from elsewhere.
    """
    bounds = _bounds(purpose, client, account)
    for key, bound in bounds.items():
        row = _count(db, key, bound)
        if row.attempts <= bound.limit:
            continue
        if account and bound is PER_ACCOUNT and _is_known(db, account, client):
            continue
        log_event(
            "auth.throttled", level=logging.WARNING, purpose=purpose, ip=client.ip
        )
        raise TooManyAttempts(_seconds_left(row))
    return Attempt(account, tuple(bounds))


def _bounds(purpose: str, client: Client, account: str | None) -> dict[str, Bound]:
    bounds = {}
    if client.network:
        bounds[f"{purpose}:ip:{client.network}"] = PER_IP
    if account:
        own = f"{purpose}:account-ip:{account}:{client.account_network}"
        bounds[own] = PER_ACCOUNT_AND_IP
        bounds[f"{purpose}:account:{account}"] = PER_ACCOUNT
    # In one order everywhere, so that two transactions never wait for each other.
    return dict(sorted(bounds.items()))


def _count(db: Session, key: str, bound: Bound) -> Row[Any]:
    """Add one under a key in one statement; a window that is over begins anew."""
    counting = _counting(dialect_of(db))
    return db.execute(counting, {"counted": key, "seconds": bound.seconds}).one()


# Statements are built once: each sign-in takes several of them.
@functools.cache
def _counting(dialect: str) -> Any:
    over = AuthThrottle.expires_at <= utc_now()
    insert = upsert(dialect, AuthThrottle).values(
        key=bindparam("counted"),
        count=1,
        window_start=utc_now(),
        expires_at=utc_now(bindparam("seconds", type_=Integer)),
    )
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((over, 1), else_=AuthThrottle.count + 1),
            "window_start": case(
                (over, new.window_start), else_=AuthThrottle.window_start
            ),
            "expires_at": case((over, new.expires_at), else_=AuthThrottle.expires_at),
        },
    ).returning(
        AuthThrottle.count.label("attempts"),
        AuthThrottle.expires_at,
        utc_now().label("now"),
    )


def _seconds_left(row: Row[Any]) -> int:
    return max(1, int((row.expires_at - row.now).total_seconds()) + 1)


# Locked in the order in which they are counted.
_LOCKED_KEYS = (
    select(AuthThrottle.key)
    .where(AuthThrottle.key.in_(bindparam("keys", expanding=True)))
    .order_by(AuthThrottle.key)
    .with_for_update()
    .scalar_subquery()
)
_GIVE_BACK = (
    update(AuthThrottle)
    .where(AuthThrottle.key.in_(_LOCKED_KEYS), AuthThrottle.count > 0)
    .values(count=AuthThrottle.count - 1)
    .execution_options(synchronize_session=False)
)
# fastman: if jwt
_LIFT = (
    delete(AuthThrottle)
    .where(AuthThrottle.key.in_(_LOCKED_KEYS))
    .execution_options(synchronize_session=False)
)
# fastman: end


def give_back(db: Session, attempt: Attempt) -> None:
    db.execute(_GIVE_BACK, {"keys": attempt.keys})


# fastman: if oauth or passkey
def forgive(db: Session, purpose: str, *, client: Client) -> None:
    """Give back what an earlier request of this client counted."""
    give_back(db, Attempt(None, tuple(_bounds(purpose, client, None))))


# fastman: end
# fastman: if jwt
def lift(db: Session, user: User, *, client: Client) -> None:
    """Let the owner of an account sign in again, at least from here."""
    account = user_key(user)
    own = f"login:account-ip:{account}:{client.account_network}"
    db.execute(_LIFT, {"keys": (own, f"login:account:{account}")})


# fastman: end
def remember_address(db: Session, user: User, *, client: Client) -> None:
    """Keep where an account was used from for as long as a session can last."""
    # Under both keys that its attempts are counted by: who forgot a password is
    # counted without being looked up.
    accounts = sorted((user_key(user), name_key(user.email)))
    known = [{"known": _known_key(account, client)} for account in accounts]
    db.execute(_remembering(dialect_of(db)), known)


@functools.cache
def _remembering(dialect: str) -> Any:
    insert = upsert(dialect, AuthThrottle).values(
        key=bindparam("known"),
        count=0,
        window_start=utc_now(),
        expires_at=utc_now(config.session_max_seconds),
    )
    return insert.on_conflict_do_update(
        index_elements=["key"], set_={"expires_at": insert.excluded.expires_at}
    )


def _is_known(db: Session, account: str, client: Client) -> bool:
    known = select(AuthThrottle.key).where(
        AuthThrottle.key == _known_key(account, client),
        AuthThrottle.expires_at > utc_now(),
    )
    return db.scalar(known) is not None


def _known_key(account: str, client: Client) -> str:
    return f"known:{account}:{client.account_network}"


def claim_hourly(db: Session, key: str) -> bool:
    """Tell whether this is the first time within an hour, for any replica."""
    return bool(_count(db, key, Bound(1, _HOUR)).attempts == 1)
