# fastman: file oauth or passkey or keycloak and jwt or oauth or passkey
"""What is left of an account that was nobody's when somebody proves its address."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from .challenges import drop_challenges
from .linked_accounts import list_accounts
from .models import AuthSession, User
from .passkeys import drop_passkeys
from .provider_names import provider_name
from .security import NO_SESSION


def drop_other_credentials(db: Session, user: User, session_id: str | None) -> None:
    """Leave of the ways in only the one that the session was opened with, if any.

    Somebody has just proved an address that was nobody's: whatever else opens the
    account may be a stranger's.
    """
    opened = select(AuthSession.method).where(AuthSession.id == session_id)
    method = db.scalar(opened)
    # fastman: if keycloak
    if session_id == NO_SESSION:
        method = "keycloak"
    # fastman: end
    # fastman: if oauth or keycloak
    for account in list_accounts(db, user.id):
        if provider_name(account.provider) != method:
            db.delete(account)
    # fastman: end
    # fastman: if passkey
    # Only a session of the account itself can have put them there.
    if method not in ("passkey", "recovery"):
        drop_passkeys(db, user)
    # fastman: end
    # fastman: if jwt
    if method not in (None, "password"):  # None: a password has just been given
        user.hashed_password = None
    # fastman: end
    # fastman: if oauth or passkey
    drop_challenges(db, user.id)
    # fastman: end
