# fastman: file passkey
"""Passkeys of accounts, as rows."""

import json
import re

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .clock import utc_now
from .models import AuthToken, PasskeyCredential, User
from .passkey_ceremony import NewPasskey, Use
from .sessions import end_sessions_of
from .users import lock_user
from .ways_in import require_way_in

_ID = re.compile(r"[A-Za-z0-9_-]+")  # base64url; databases refuse a NUL
_TRANSPORT = re.compile(r"[a-z0-9-]{1,32}")
_TRANSPORTS_MAX = 8


class NoSuchPasskey(Exception):
    """The user has none of that id."""


def insert_passkey(
    db: Session, user: User, new: NewPasskey, *, transports: list[str], name: str
) -> PasskeyCredential:
    passkey = PasskeyCredential(
        id=new.id,
        user_id=user.id,
        public_key=new.public_key,
        sign_count=new.sign_count,
        transports=_transports(transports),
        aaguid=new.aaguid,
        backup_eligible=new.backup_eligible,
        backed_up=new.backed_up,
        device_name=name,
    )
    db.add(passkey)
    db.flush()
    return passkey


def _transports(words: list[str]) -> str:
    known = dict.fromkeys(word for word in words if _TRANSPORT.fullmatch(word))
    return json.dumps(list(known)[:_TRANSPORTS_MAX], separators=(",", ":"))


def is_known(db: Session, passkey_id: str) -> bool:
    return db.get(PasskeyCredential, passkey_id) is not None


def find_with_owner(
    db: Session, passkey_id: str
) -> tuple[PasskeyCredential, User] | None:
    """Return a passkey and whose it is, who may be disabled."""
    if not _ID.fullmatch(passkey_id):
        return None
    owned = (
        select(PasskeyCredential, User)
        .join(User, PasskeyCredential.user_id == User.id)
        .where(PasskeyCredential.id == passkey_id)
    )
    row = db.execute(owned).one_or_none()
    return (row[0], row[1]) if row else None


def list_passkeys(db: Session, user_id: int) -> list[PasskeyCredential]:
    """Return the passkeys of a user, the oldest first."""
    own = select(PasskeyCredential).where(PasskeyCredential.user_id == user_id)
    ordered = own.order_by(PasskeyCredential.created_at, PasskeyCredential.id)
    return list(db.scalars(ordered))


def note_use(db: Session, passkey: PasskeyCredential, use: Use) -> bool:
    """Keep what a sign-in said; False: another one was faster, or the passkey went.

    The counter decides: of two sign-ins with one counter, one finds it unchanged.
    """
    used = (
        update(PasskeyCredential)
        .where(
            PasskeyCredential.id == passkey.id,
            PasskeyCredential.sign_count == passkey.sign_count,
        )
        .values(
            sign_count=use.sign_count,
            backed_up=use.backed_up,
            last_used_at=utc_now(),
        )
    )
    return db.scalar(used.returning(PasskeyCredential.id)) is not None


def find_own(db: Session, passkey_id: str, *, user_id: int) -> PasskeyCredential:
    """Return one of the user's passkeys, or raise NoSuchPasskey."""
    found = find_with_owner(db, passkey_id)
    if found is None or found[1].id != user_id:
        raise NoSuchPasskey
    return found[0]


def rename_passkey(
    db: Session, passkey_id: str, *, user_id: int, name: str
) -> PasskeyCredential:
    passkey = find_own(db, passkey_id, user_id=user_id)
    passkey.device_name = name
    return passkey


def remove_passkey(
    db: Session, passkey_id: str, *, user_id: int, session_id: str
) -> list[str]:
    """Take a passkey from its user, and return the sessions that ended with it.

    Under the user's lock, so that two of them never go at the same time. Raises
    NoSuchPasskey and LastWayIn.
    """
    user = lock_user(db, user_id)
    if user is None:
        raise NoSuchPasskey
    db.delete(find_own(db, passkey_id, user_id=user_id))
    require_way_in(db, user)
    return end_sessions_of(db, user_id, method="passkey", except_id=session_id)


def drop_passkeys(db: Session, user: User) -> None:
    """Forget all of them, and what would stand in for a lost one."""
    db.execute(delete(PasskeyCredential).where(PasskeyCredential.user_id == user.id))
    db.execute(
        delete(AuthToken).where(
            AuthToken.user_id == user.id, AuthToken.purpose.startswith("recovery")
        )
    )
    user.webauthn_handle = None
