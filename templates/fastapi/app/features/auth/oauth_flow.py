# fastman: file oauth
"""Sign-ins under way, as rows: each is taken once, by the browser that began it."""

import hmac
from dataclasses import dataclass

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from .challenges import take_challenge
from .clock import utc_now
from .models import AuthChallenge, User
from .oauth_failed import OAuthFailed
from .security import hash_one_time_token, new_one_time_token
from .users import lock_user

ATTEMPT_SECONDS = 10 * 60
_CODE_SECONDS = 60


class Attempt(BaseModel):
    """What a callback needs to know of the request that began it."""

    provider: str
    verifier: str
    # fastman: if google or oidc
    nonce: str | None = None
    # fastman: end
    redirect_uri: str
    next: str | None = None
    # Of a native app, which gets a code and no cookie.
    app_redirect: str | None = None
    app_state: str | None = None
    code_challenge: str | None = None
    # Of a user who is signed in, and links a further account.
    session: str | None = None
    user_id: int | None = None


@dataclass(frozen=True)
class Opened:
    """What the browser carries: one half to the provider and back, one in a cookie."""

    state: str
    cookie: str

    @property
    def id(self) -> str:
        return attempt_id(self.state)


def code_challenge(verifier: str) -> str:
    """Hash a verifier as S256 does (RFC 7636, section 4.2)."""
    return hash_one_time_token(verifier)


def attempt_id(state: str) -> str:
    return hash_one_time_token(state)


def open_attempt(db: Session, attempt: Attempt) -> Opened:
    """Keep an attempt under the hashes of two secrets, which only the browser has."""
    opened = Opened(state=new_one_time_token(), cookie=new_one_time_token())
    db.add(
        AuthChallenge(
            id=opened.id,
            purpose="oauth",
            user_id=attempt.user_id,
            data=attempt.model_dump_json(exclude_none=True, exclude={"user_id"}),
            browser_hash=hash_one_time_token(opened.cookie),
            expires_at=utc_now(ATTEMPT_SECONDS),
        )
    )
    return opened


def take_attempt(db: Session, *, state: str, cookie: str) -> Attempt:
    """Use an attempt up; the state without its browser leaves it as it is."""
    mine = AuthChallenge.browser_hash == hash_one_time_token(cookie)
    row = take_challenge(db, attempt_id(state), "oauth", mine)
    if row is None:
        raise OAuthFailed("state")
    attempt = Attempt.model_validate_json(row.data)
    return attempt.model_copy(update={"user_id": row.user_id})


class AppCode(BaseModel):
    """A sign-in that a native app may take over, if it began it."""

    provider: str
    code_challenge: str


def issue_app_code(db: Session, user: User, attempt: Attempt) -> str:
    """Return a code for the app's own address; only its hash is stored."""
    code = new_one_time_token()
    data = AppCode(
        provider=attempt.provider, code_challenge=attempt.code_challenge or ""
    )
    db.add(
        AuthChallenge(
            id=hash_one_time_token(code),
            purpose="oauth_code",
            user_id=user.id,
            data=data.model_dump_json(),
            expires_at=utc_now(_CODE_SECONDS),
        )
    )
    return code


def take_app_code(db: Session, *, code: str, verifier: str) -> tuple[User, str] | None:
    """Use a code up, and return who signs in with which provider.

    None, and no exception, which would give the code back: it is unknown, too old,
    for another verifier, or its user is disabled by now. The user is locked first, as
    wherever an account changes hands.
    """
    challenge_id = hash_one_time_token(code)
    owner_id = db.scalar(
        select(AuthChallenge.user_id).where(AuthChallenge.id == challenge_id)
    )
    user = lock_user(db, owner_id) if owner_id else None
    row = take_challenge(db, challenge_id, "oauth_code")
    if row is None or user is None:
        return None
    issued = AppCode.model_validate_json(row.data)
    # One that another app caught is of no use there (RFC 7636, section 4.6).
    if not hmac.compare_digest(code_challenge(verifier), issued.code_challenge):
        return None
    return user, issued.provider
