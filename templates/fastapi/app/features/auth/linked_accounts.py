# fastman: file oauth or keycloak and jwt or oauth or passkey
"""Accounts that people have elsewhere, as rows: whose they are, and when they go."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .challenges import drop_challenges
from .clock import utc_now
from .models import AuthToken, OAuthAccount, User
from .passkeys import drop_passkeys
from .provider_names import provider_name
from .sessions import end_sessions, end_sessions_of
from .users import lock_user
from .ways_in import require_way_in


class NotLinked(Exception):
    """The user has no account of that provider."""


def list_accounts(db: Session, user_id: int) -> list[OAuthAccount]:
    """Return the accounts of a user, the oldest first."""
    own = select(OAuthAccount).where(OAuthAccount.user_id == user_id)
    return list(db.scalars(own.order_by(OAuthAccount.id)))


def unlink(db: Session, user_id: int, name: str, *, session_id: str) -> list[str]:
    """Take all accounts of a provider from a user, and return the sessions that ended.

    Under the user's lock, so that two of them never go at the same time. Raises
    NotLinked and LastWayIn.
    """
    user = lock_user(db, user_id)
    accounts = list_accounts(db, user_id)
    gone = [account for account in accounts if provider_name(account.provider) == name]
    left = [account for account in accounts if account not in gone]
    if user is None or not gone:
        raise NotLinked
    for account in gone:
        db.delete(account)
    require_way_in(db, user)
    if user.oauth_provider == name:
        user.oauth_provider = provider_name(left[0].provider) if left else None
    return end_sessions_of(db, user.id, method=name, except_id=session_id)


def take_over(
    db: Session, user: User, *, keep: OAuthAccount | None = None
) -> list[str]:
    """Give the account to who proved its address, and return the sessions that ended.

    Whoever made it has not: nothing stays by which they could get in, or be seen.
    """
    user.email_verified_at = utc_now()
    user.hashed_password = user.oauth_provider = user.name = user.avatar_url = None
    for account in list_accounts(db, user.id):
        if account is not keep:
            db.delete(account)
    # fastman: if passkey
    drop_passkeys(db, user)
    # fastman: end
    db.execute(delete(AuthToken).where(AuthToken.user_id == user.id))
    # fastman: if oauth or passkey
    drop_challenges(db, user.id)
    # fastman: end
    return end_sessions(db, user.id)
