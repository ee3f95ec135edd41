# fastman: file passkey
"""Challenges: rows, each good for one ceremony, of whichever replica."""

import re

from pydantic import BaseModel
from sqlalchemy.orm import Session

from .challenges import take_challenge
from .clock import utc_now
from .identity import identity_key
from .models import AuthChallenge
from .security import hash_one_time_token, new_one_time_token

_SECONDS = 5 * 60
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of 32 bytes


class RegistrationAttempt(BaseModel):
    """Whose a passkey will be."""

    email: str
    username: str | None = None
    # WebAuthn's user.id: what passkeys know an account by.
    handle: str
    # Of a user who is signed in, and adds a passkey to their own account.
    session: str | None = None
    user_id: int | None = None


def open_registration(db: Session, attempt: RegistrationAttempt) -> str:
    return _open(
        db,
        "passkey_register",
        user_id=attempt.user_id,
        email_key=identity_key(attempt.email),
        data=attempt.model_dump_json(exclude_none=True, exclude={"user_id"}),
    )


def open_authentication(db: Session) -> str:
    return _open(db, "passkey_authenticate", data="{}")


def take_registration(
    db: Session, challenge: str, *, email: str
) -> RegistrationAttempt | None:
    """Use a challenge up; None: it is none of ours, or for another address."""
    row = _take(db, challenge, "passkey_register")
    if row is None or row.email_key != identity_key(email):
        return None
    attempt = RegistrationAttempt.model_validate_json(row.data)
    return attempt.model_copy(update={"user_id": row.user_id})


def take_authentication(db: Session, challenge: str) -> bool:
    return _take(db, challenge, "passkey_authenticate") is not None


def _open(db: Session, purpose: str, **fields: object) -> str:
    """Return a new challenge; only its hash is stored."""
    challenge = new_one_time_token()
    db.add(
        AuthChallenge(
            id=hash_one_time_token(challenge),
            purpose=purpose,
            expires_at=utc_now(_SECONDS),
            **fields,
        )
    )
    return challenge


def _take(db: Session, challenge: str, purpose: str) -> AuthChallenge | None:
    if not _CHALLENGE.fullmatch(challenge):
        return None
    return take_challenge(db, hash_one_time_token(challenge), purpose)
