"""Bounds on attempts, counted in rows, so that they hold across replicas."""

import logging
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fastapi import HTTPException, status
from sqlalchemy import Row, case, delete, select, update
from sqlalchemy.orm import Session

from .clients import Client
from .config import config
from .database import upsert, utc_now
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


def account_key(user: User | None, name: str) -> str:
    """Name an account in a key: names that nobody has are counted like all others."""
    return f"u{user.id}" if user else _hashed(name)


def _hashed(name: str) -> str:
    # What people type here may be their password.
    return base64url(sha256(identity_key(name).encode()).digest())[:22]


def count_attempt(
    db: Session, purpose: str, *, client: Client, account: str | None = None
) -> Attempt:
    """Count before the work is done, or raise TooManyAttempts.

    Past the bound of an account only addresses that it was used from may try, so that
    nobody can lock its owner out from elsewhere.
    """
    bounds = _bounds(purpose, client, account)
    rows = {row.key: row for row in _count(db, bounds)}
    for key, bound in bounds.items():
        if rows[key].attempts <= bound.limit:
            continue
        if account and bound is PER_ACCOUNT and _is_known(db, account, client):
            continue
        log_event(
            "auth.throttled", level=logging.WARNING, purpose=purpose, ip=client.ip
        )
        raise TooManyAttempts(_seconds_left(rows[key]))
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


def _count(db: Session, bounds: dict[str, Bound]) -> list[Row[Any]]:
    """Add one under each key in one statement; a window that is over begins anew."""
    if not bounds:
        return []
    over = AuthThrottle.expires_at <= utc_now()
    insert = upsert(db, AuthThrottle).values(
        [
            {
                "key": key,
                "count": 1,
                "window_start": utc_now(),
                "expires_at": utc_now(bound.seconds),
            }
            for key, bound in bounds.items()
        ]
    )
    new = insert.excluded
    counted = insert.on_conflict_do_update(
        index_elements=[AuthThrottle.key],
        set_={
            "count": case((over, 1), else_=AuthThrottle.count + 1),
            "window_start": case(
                (over, new.window_start), else_=AuthThrottle.window_start
            ),
            "expires_at": case((over, new.expires_at), else_=AuthThrottle.expires_at),
        },
    ).returning(
        AuthThrottle.key,
        AuthThrottle.count.label("attempts"),
        AuthThrottle.expires_at,
        utc_now().label("now"),
    )
    return list(db.execute(counted).all())


def _seconds_left(row: Row[Any]) -> int:
    return max(1, int((row.expires_at - row.now).total_seconds()) + 1)


def give_back(db: Session, attempt: Attempt) -> None:
    rows = select(AuthThrottle.key).where(AuthThrottle.key.in_(attempt.keys))
    locked = rows.order_by(AuthThrottle.key).with_for_update()
    db.execute(
        update(AuthThrottle)
        .where(AuthThrottle.key.in_(locked.scalar_subquery()), AuthThrottle.count > 0)
        .values(count=AuthThrottle.count - 1)
        .execution_options(synchronize_session=False)
    )


def lift(db: Session, account: str, *, client: Client) -> None:
    """Let the owner of an account sign in again, at least from here."""
    own = f"login:account-ip:{account}:{client.account_network}"
    keys = (own, f"login:account:{account}")
    db.execute(delete(AuthThrottle).where(AuthThrottle.key.in_(keys)))


def remember_address(db: Session, account: str, *, client: Client) -> None:
    """Keep where an account was used from for as long as a session can last."""
    insert = upsert(db, AuthThrottle).values(
        key=_known_key(account, client),
        count=0,
        window_start=utc_now(),
        expires_at=utc_now(config.session_max_seconds),
    )
    db.execute(
        insert.on_conflict_do_update(
            index_elements=[AuthThrottle.key],
            set_={"expires_at": insert.excluded.expires_at},
        )
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
    bound = Bound(1, _HOUR)
    return all(row.attempts <= bound.limit for row in _count(db, {key: bound}))
