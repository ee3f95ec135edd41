# fastman: file oauth
"""Accounts at providers, and whose they are here."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from .clock import utc_now
from .config import config
from .database import Contradiction
from .identity import identity_key
from .linked_accounts import list_accounts, take_over
from .models import OAuthAccount, User
from .oauth_failed import OAuthFailed
from .oauth_flow import Attempt
from .oauth_provider import Profile, Provider
from .sessions import is_live
from .users import lock_user


@dataclass(frozen=True)
class Arrival:
    """Who came back from a provider, and what that changed."""

    user: User
    linked: bool = False  # to an account that had no such identity
    taken_over: bool = False
    ended: list[str] = field(default_factory=list)  # ids of sessions


def receive(db: Session, provider: Provider, profile: Profile) -> Arrival:
    """Return the user of an identity, who may be a new one, locked.

    Raises OAuthFailed, and Contradiction where another callback was faster: then
    there is something to find, and the second try finds it.
    """
    owner_id = _find_owner(db, provider, profile)
    if owner_id is None:
        return _receive_new(db, provider, profile)
    user = _lock_active(db, owner_id)
    # It was read before there was a lock: it may have gone meanwhile.
    again = _of(provider, profile).execution_options(populate_existing=True)
    account: OAuthAccount | None = db.scalar(again)
    if account is None:
        raise Contradiction
    ended, taken_over = [], False
    if not user.is_verified and _is_address_of(profile, user):
        ended, taken_over = take_over(db, user, keep=account), True
    account.email = profile.email
    account.last_used_at = utc_now()
    _follow(user, provider, profile)
    return Arrival(user, taken_over=taken_over, ended=ended)


def _receive_new(db: Session, provider: Provider, profile: Profile) -> Arrival:
    if profile.email is None:
        raise OAuthFailed("no_email")
    of_address = select(User.id).where(User.email_key == identity_key(profile.email))
    owner_id = db.scalar(of_address)
    if owner_id is None:
        return Arrival(_insert_user(db, provider, profile, profile.email))
    user = _lock_active(db, owner_id)
    if _find_owner(db, provider, profile) is not None:
        raise Contradiction  # a callback at the same time made both
    ended, taken_over = [], not user.is_verified
    if taken_over:
        ended = take_over(db, user)
    elif not _may_enter(db, user, provider, profile):
        raise OAuthFailed("taken")
    _insert_account(db, user, provider, profile, used=True)
    _follow(user, provider, profile)
    return Arrival(user, linked=not taken_over, taken_over=taken_over, ended=ended)


def _may_enter(db: Session, user: User, provider: Provider, profile: Profile) -> bool:
    """Tell whether an address alone lets somebody into the account that owns it."""
    # The provider knew its owner as somebody else: the address was given away.
    if any(account.provider == provider.key for account in list_accounts(db, user.id)):
        return False
    return profile.is_authoritative or config.links_verified_email


def link(
    db: Session, provider: Provider, profile: Profile, attempt: Attempt
) -> User | None:
    """Give an identity to the user whose session asked; None: the user has it.

    Raises OAuthFailed when that session has ended, or the identity is another's.
    """
    user = lock_user(db, attempt.user_id) if attempt.user_id else None
    if user is None or not is_live(db, attempt.session or "", user_id=user.id):
        raise OAuthFailed("state", "the session has ended")
    owner_id = _find_owner(db, provider, profile)
    if owner_id == user.id:
        return None
    if owner_id is not None:
        raise OAuthFailed("foreign")
    _insert_account(db, user, provider, profile, used=False)
    _follow(user, provider, profile)
    return user


def _of(provider: Provider, profile: Profile) -> Select[Any]:
    return select(OAuthAccount).where(
        OAuthAccount.provider == provider.key, OAuthAccount.subject == profile.subject
    )


def _find_owner(db: Session, provider: Provider, profile: Profile) -> int | None:
    account: OAuthAccount | None = db.scalar(_of(provider, profile))
    return account.user_id if account else None


def _lock_active(db: Session, user_id: int) -> User:
    user = lock_user(db, user_id)
    if user is None:
        raise OAuthFailed("inactive")
    return user


def _is_address_of(profile: Profile, user: User) -> bool:
    address = profile.email
    return address is not None and identity_key(address) == user.email_key


def _insert_user(db: Session, provider: Provider, profile: Profile, email: str) -> User:
    user = User(
        email=email,
        email_key=identity_key(email),
        email_verified_at=utc_now(),
        oauth_provider=provider.name,
        name=profile.name,
        avatar_url=profile.avatar_url,
    )
    db.add(user)
    db.flush()
    _insert_account(db, user, provider, profile, used=True)
    return user


def _insert_account(
    db: Session, user: User, provider: Provider, profile: Profile, *, used: bool
) -> None:
    account = OAuthAccount(
        user_id=user.id,
        provider=provider.key,
        subject=profile.subject,
        email=profile.email,
        last_used_at=utc_now() if used else None,
    )
    db.add(account)
    db.flush()


def _follow(user: User, provider: Provider, profile: Profile) -> None:
    """Show people as their first provider does, and fill in what nobody said yet."""
    user.oauth_provider = user.oauth_provider or provider.name
    leads = user.oauth_provider == provider.name
    if profile.name and (leads or not user.name):
        user.name = profile.name
    if profile.avatar_url and (leads or not user.avatar_url):
        user.avatar_url = profile.avatar_url
