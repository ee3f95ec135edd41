# fastman: file passkey
"""What a signed-in user can do about the passkeys of the account."""

from . import mails
from .clients import Client
from .database import write
from .events import log_event, log_sessions_ended
from .models import PasskeyCredential, User
from .passkeys import remove_passkey, rename_passkey


async def rename(passkey_id: str, *, user: User, name: str) -> PasskeyCredential:
    """Give a passkey another name, or raise NoSuchPasskey."""
    return await write(rename_passkey, passkey_id, user_id=user.id, name=name)


async def remove(
    passkey_id: str, *, user: User, session_id: str, client: Client
) -> None:
    """Take a passkey from the account, or raise NoSuchPasskey or LastWayIn."""
    ended = await write(
        remove_passkey, passkey_id, user_id=user.id, session_id=session_id
    )
    log_event("auth.passkey.removed", user_id=user.id, ip=client.ip)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_passkey_removed(user, client=client)
