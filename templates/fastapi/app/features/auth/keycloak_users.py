# fastman: file keycloak and jwt or oauth or passkey
"""Users whom tokens of Keycloak speak of: found by the row of their account there."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request, status
from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.core.keycloak_tokens import (
    KeycloakUser,
    keycloak_issuer,
    keycloak_problem,
)

from . import mails
from .background import background
from .clients import Client, get_client
from .clock import utc_now
from .config import config
from .database import Contradiction, fetch_row, transaction, write_again
from .events import log_event, log_sessions_ended
from .identity import identity_key, usable_email, usable_name
from .linked_accounts import take_over
from .models import OAuthAccount, User
from .security import NO_SESSION, TokenClaims
from .sessions import USER_COLUMNS, detached
from .users import lock_user

# How often the use of an account is noted, in seconds: not with each request.
_SEEN_EVERY = 5 * 60
_RECENT_LOGIN = 10 * 60  # seconds
_CLOCK_SKEW = 60  # seconds that Keycloak's clock may be ahead

_BY_ACCOUNT = (
    select(
        *USER_COLUMNS,
        OAuthAccount.id.label("account_id"),
        or_(
            OAuthAccount.last_used_at.is_(None),
            OAuthAccount.last_used_at < utc_now(-_SEEN_EVERY),
        ).label("is_idle"),
    )
    .join(OAuthAccount, OAuthAccount.user_id == User.id)
    .where(
        OAuthAccount.provider == bindparam("provider"),
        OAuthAccount.subject == bindparam("subject"),
    )
)


class KeycloakToken(str):
    """A token that only Keycloak can have issued, and the request it came with."""

    request: Request


class KeycloakClaims(TokenClaims):
    """What a token of Keycloak says; its session is not one of ours."""

    person: KeycloakUser
    request: Any

    @property
    def is_recent(self) -> bool:
        """Tell whether somebody signed in at Keycloak within the last ten minutes."""
        at = self.person.claims.get("auth_time")
        if isinstance(at, bool) or not isinstance(at, int | float):
            return False
        return -_CLOCK_SKEW <= time.time() - at < _RECENT_LOGIN


def claims_of(person: KeycloakUser, request: Request) -> KeycloakClaims:
    said = person.claims
    return KeycloakClaims.model_construct(
        iss=said["iss"],
        aud=config.issuer,
        sub=person.id,
        sid=NO_SESSION,
        jti=str(said.get("jti", "")),
        iat=int(said["iat"]),
        nbf=int(said.get("nbf", said["iat"])),
        exp=int(said["exp"]),
        person=person,
        request=request,
    )


async def find_keycloak_user(claims: KeycloakClaims) -> User | None:
    """Return the active user, made now if need be; raises HTTPException 403 and 409."""
    person = claims.person
    keys: dict[str, object] = {"provider": keycloak_issuer(), "subject": person.id}
    row = await fetch_row(_BY_ACCOUNT, keys)
    if row is None:
        await _receive(person, await get_client(claims.request))
        row = await fetch_row(_BY_ACCOUNT, keys)
    if row is None or not row.is_active:
        return None
    if row.is_idle:
        client = await get_client(claims.request)
        background.submit(partial(_note_use, row.account_id, person, client))
    return detached({**row._mapping, "roles": person.roles})


async def _receive(person: KeycloakUser, client: Client) -> None:
    """Give somebody who is new here a user: a new one, or that of the address."""
    made = await write_again(_make, person)
    if made is None:
        return
    log_event("auth.keycloak.user", user_id=made.user.id, ip=client.ip)
    if made.ended is not None:
        _report_takeover(made.user, made.ended, client)


def _report_takeover(user: User, ended: list[str], client: Client) -> None:
    log_event("auth.account.takeover", user_id=user.id, ip=client.ip)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_taken_over(user, client=client)


@dataclass(frozen=True)
class _Made:
    """The user of somebody new, and the sessions that ended with a takeover."""

    user: User
    ended: list[str] | None = None  # None: the user is new


def _make(db: Session, person: KeycloakUser) -> _Made | None:
    """Return whose user somebody is from now on; None: another request was faster."""
    email = usable_email(person.email)
    if email is None:
        raise keycloak_problem(
            status.HTTP_403_FORBIDDEN, "Keycloak has no e-mail address of yours"
        )
    if _find_account(db, person) is not None:
        return None
    of_address = select(User.id).where(User.email_key == identity_key(email))
    owner_id = db.scalar(of_address)
    if owner_id is None:
        return _Made(_insert_user(db, person, email))
    return _enter(db, person, owner_id)


def _enter(db: Session, person: KeycloakUser, owner_id: int) -> _Made:
    """Give the account of an address to who has proved it, or raise 409."""
    owner = lock_user(db, owner_id)
    if _find_account(db, person) is not None:
        raise Contradiction  # a request at the same time made both
    if owner is None or owner.is_verified or not _is_verified(person):
        raise keycloak_problem(
            status.HTTP_409_CONFLICT,
            "An account with this e-mail address exists: sign in first, then link",
        )
    ended = take_over(db, owner)
    _insert_account(db, owner, person, used=True)
    _follow(owner, person)
    return _Made(owner, ended)


def link_person(db: Session, person: KeycloakUser, *, user_id: int) -> User | None:
    """Give somebody to a user; None: the user has that account already."""
    user = lock_user(db, user_id)
    account = _find_account(db, person)
    if user is None or (account is not None and account.user_id != user_id):
        raise keycloak_problem(
            status.HTTP_409_CONFLICT, "This identity belongs to another account"
        )
    if account is not None:
        return None
    _insert_account(db, user, person, used=False)
    _follow(user, person)
    return user


def _find_account(db: Session, person: KeycloakUser) -> OAuthAccount | None:
    account: OAuthAccount | None = db.scalar(
        select(OAuthAccount).where(
            OAuthAccount.provider == keycloak_issuer(),
            OAuthAccount.subject == person.id,
        )
    )
    return account


def _is_verified(person: KeycloakUser) -> bool:
    return person.claims.get("email_verified") is True


def _insert_user(db: Session, person: KeycloakUser, email: str) -> User:
    user = User(
        email=email,
        email_key=identity_key(email),
        email_verified_at=utc_now() if _is_verified(person) else None,
        oauth_provider="keycloak",
        name=usable_name(person.name),
    )
    db.add(user)
    db.flush()
    _insert_account(db, user, person, used=True)
    return user


def _insert_account(
    db: Session, user: User, person: KeycloakUser, *, used: bool
) -> None:
    account = OAuthAccount(
        user_id=user.id,
        provider=keycloak_issuer(),
        subject=person.id,
        email=_verified_email(person),
        last_used_at=utc_now() if used else None,
    )
    db.add(account)
    db.flush()


def _verified_email(person: KeycloakUser) -> str | None:
    return usable_email(person.email) if _is_verified(person) else None


def _follow(user: User, person: KeycloakUser) -> None:
    """Show people as their first provider does, and fill in what nobody said yet."""
    user.oauth_provider = user.oauth_provider or "keycloak"
    name = usable_name(person.name)
    if name and (user.oauth_provider == "keycloak" or not user.name):
        user.name = name


def _note_use(account_id: int, person: KeycloakUser, client: Client) -> None:
    if taken := transaction(_note, account_id, person):
        _report_takeover(*taken, client)


def _note(
    db: Session, account_id: int, person: KeycloakUser
) -> tuple[User, list[str]] | None:
    """Bring the rows up to date; an address proved since makes the account theirs."""
    account = db.get(OAuthAccount, account_id)
    user = lock_user(db, account.user_id) if account else None
    if account is None or user is None:
        return None
    ended: list[str] | None = None
    email = _verified_email(person)
    if email and not user.is_verified and identity_key(email) == user.email_key:
        ended = take_over(db, user, keep=account)
    account.email = email
    account.last_used_at = utc_now()
    _follow(user, person)
    return None if ended is None else (user, ended)
