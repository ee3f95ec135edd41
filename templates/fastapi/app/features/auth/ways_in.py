# fastman: file oauth or passkey or keycloak and jwt or oauth or passkey
"""What opens an account: of the ways that this app serves, one always stays."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import OAuthAccount, PasskeyCredential, User
from .provider_names import served_keys


class LastWayIn(Exception):
    """Without it nobody could sign in to the account."""


def require_way_in(db: Session, user: User) -> None:
    """Raise LastWayIn, which takes a removal back, if nobody could sign in any more.

    The user is locked, so that no other way goes meanwhile.
    """
    if not _has_way_in(db, user):
        raise LastWayIn


def _has_way_in(db: Session, user: User) -> bool:
    # fastman: if jwt
    if user.hashed_password is not None:
        return True
    # fastman: end
    return any(
        db.scalar(found.limit(1)) is not None
        for found in (
            # fastman: if passkey
            select(PasskeyCredential.id).where(PasskeyCredential.user_id == user.id),
            # fastman: end
            # fastman: if oauth or keycloak
            select(OAuthAccount.id).where(
                OAuthAccount.user_id == user.id,
                OAuthAccount.provider.in_(served_keys()),
            ),
            # fastman: end
        )
    )
