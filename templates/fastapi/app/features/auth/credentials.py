# fastman: file jwt
"""Proof by password: counted, bounded, and in the same time whoever is meant."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pydantic_core import PydanticCustomError
from sqlalchemy.orm import Session

from . import throttle
from .clients import Client
from .database import write
from .http import body_error
from .models import User
from .passwords import (
    check_policy,
    hash_password,
    hash_place,
    needs_rehash,
    verify_password,
)
from .users import lock_user


@dataclass(frozen=True)
class Proof:
    """What a password has shown, for whom, and the attempt to give back if it fits."""

    user: User | None  # as it was read before the hash was computed
    attempt: throttle.Attempt
    matches: bool
    rehashed: str | None  # what to keep from now on instead, if anything


async def check_password(
    password: str,
    *,
    name: str,
    find: Callable[[Session], User | None],
    client: Client,
) -> Proof:
    """Compare with the password of the user that find returns, if there is one.

    The name is counted when nobody has it. Raises throttle.TooManyAttempts, and
    HTTPException 503, without counting, when too many hashes wait.
    """
    with hash_place() as place:
        user, attempt = await write(_begin, name, find, client)
        stored = user.hashed_password if user else None
        matches, rehashed = await place.run(partial(_compare, password, stored))
    return Proof(user, attempt, matches, rehashed)


def _begin(
    db: Session, name: str, find: Callable[[Session], User | None], client: Client
) -> tuple[User | None, throttle.Attempt]:
    user = find(db)
    account = throttle.user_key(user) if user else throttle.name_key(name)
    attempt = throttle.count_attempt(db, "login", client=client, account=account)
    return user, attempt


def _compare(password: str, stored: str | None) -> tuple[bool, str | None]:
    if not verify_password(password, stored):
        return False, None
    return True, hash_password(password) if needs_rehash(stored) else None


def accept(db: Session, proof: Proof) -> User | None:
    """Return the user, locked, if the password that was checked is still the one."""
    if proof.user is None or not proof.matches:
        return None
    user = lock_user(db, proof.user.id)
    if user is None or user.hashed_password != proof.user.hashed_password:
        return None
    if proof.rehashed:
        user.hashed_password = proof.rehashed
    throttle.give_back(db, proof.attempt)
    return user


def check_new_password(password: str, user: User) -> None:
    """Hold a password against the policy, as at sign-up, for a user who is known."""
    try:
        check_policy(password, email=user.email, username=user.username)
    except PydanticCustomError as refused:
        raise body_error(refused.type, refused.message(), "new_password") from None
