# fastman: file jwt
"""Passwords: which are allowed, how they are hashed, how many hashes run at once."""

import base64
import functools
import hmac
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import argon2
import bcrypt
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import HTTPException, status
from pydantic_core import PydanticCustomError

from .config import config
from .identity import nfc

PASSWORD_MAX_BYTES = 1024
_BCRYPT_MAX_BYTES = 72
_PREHASH_KEY = b"fastman/bcrypt/v1"
_BCRYPT_HASH = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_WAITING_PER_CORE = 10

T = TypeVar("T")


def check_policy(password: str, *, email: str | None, username: str | None) -> None:
    """Refuse what is guessed first; NIST SP 800-63B asks for no mix of characters."""
    if len(nfc(password)) < config.password_min_length:
        raise _refusal(
            f"Password must have at least {config.password_min_length} characters"
        )
    folded = nfc(password).casefold()
    if folded in _common_passwords():
        raise _refusal("Password is one of the most common ones")
    if folded in _own_words(email, username):
        raise _refusal("Password must not be your name, your e-mail or this app's name")


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("value_error", "{message}", {"message": message})


@functools.cache
def _common_passwords() -> frozenset[str]:
    path = Path(__file__).with_name("common_passwords.txt")
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def _own_words(email: str | None, username: str | None) -> set[str]:
    local_part = (email or "").rpartition("@")[0]
    app_name = config.issuer.removeprefix("fastman:")
    return {
        nfc(word).casefold() for word in (email, local_part, username, app_name) if word
    }


def hash_password(password: str) -> str:
    salt = bcrypt.gensalt(config.bcrypt_rounds)
    return bcrypt.hashpw(_bcrypt_input(nfc(password).encode()), salt).decode()


def verify_password(password: str, stored: str | None) -> bool:
    """Compare in constant time for every kind of failure, a missing hash included."""
    forms = [nfc(password)]
    if password != forms[0]:
        forms.append(password)  # a hash from elsewhere may be of the bytes as sent
    return any(_matches(form.encode(), stored or "") for form in forms)


def needs_rehash(stored: str | None) -> bool:
    return not (stored or "").startswith(f"$2b${config.bcrypt_rounds:02}$")


def _bcrypt_input(password: bytes) -> bytes:
    """Fit a long password into bcrypt, which reads 72 bytes and stops at a NUL."""
    if len(password) <= _BCRYPT_MAX_BYTES:
        return password
    return base64.b64encode(hmac.digest(_PREHASH_KEY, password, "sha256"))


def _matches(password: bytes, stored: str) -> bool:
    if stored.startswith("$argon2id$"):
        return _matches_argon2(password, stored) or _spend(config.bcrypt_rounds)
    known = _BCRYPT_HASH.fullmatch(stored)
    if known is None:
        return _spend(config.bcrypt_rounds)
    try:
        if bcrypt.checkpw(_bcrypt_input(password), stored.encode()):
            return True
    except ValueError:  # the salt or the cost is none of bcrypt's
        return _spend(config.bcrypt_rounds)
    # A cheaper hash has taken 2^n steps; 2^n + ... + 2^(rounds-1) more make 2^rounds.
    for cost in range(int(known[1]), config.bcrypt_rounds):
        _spend(cost)
    return False


def _matches_argon2(password: bytes, stored: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except (argon2.exceptions.Argon2Error, ValueError):
        return False


def _spend(cost: int) -> bool:
    """Take the time of one hash, so that no answer tells a name that exists."""
    bcrypt.checkpw(b"", b"$2b$%02d$" % cost + b"." * 53)
    return False


@dataclass
class _HashQueue:
    limiter: CapacityLimiter
    places: int  # hashes at work and waiting that may still come

    async def run(self, work: Callable[[], T]) -> T:
        """Run work in a thread, one for each core."""
        return await to_thread.run_sync(work, limiter=self.limiter)


_queue: RunVar[_HashQueue] = RunVar("auth_hash_queue")


@contextmanager
def hash_place() -> Iterator[_HashQueue]:
    """Hold a place in the queue for hashes; refuse when too many wait already."""
    queue = _hash_queue()
    if queue.places == 0:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "Too many sign-ins at the moment, try again shortly",
            headers={"Retry-After": "2"},
        )
    queue.places -= 1
    try:
        yield queue
    finally:
        queue.places += 1


async def in_hash_queue(work: Callable[[], T]) -> T:
    with hash_place() as place:
        return await place.run(work)


def _hash_queue() -> _HashQueue:
    try:
        return _queue.get()
    except LookupError:
        cores = _usable_cores()
        places = cores + cores * _WAITING_PER_CORE
        _queue.set(_HashQueue(CapacityLimiter(cores), places))
        return _queue.get()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
