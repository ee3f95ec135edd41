# fastman: file oauth or keycloak and jwt or oauth or passkey
"""Accounts elsewhere that a signed-in user adds and removes, without HTTP."""

from app.core.keycloak_tokens import KeycloakUser

from . import mails
from .clients import Client
from .database import write, write_again
from .events import log_event, log_sessions_ended
from .keycloak_users import link_person
from .linked_accounts import unlink
from .models import User


# fastman: if keycloak
async def link_keycloak(person: KeycloakUser, *, user: User, client: Client) -> None:
    """Give somebody of the realm to a user, or raise HTTPException 409."""
    if linked := await write_again(link_person, person, user_id=user.id):
        report_linked(linked, "keycloak", client)


# fastman: end
async def unlink_from(
    name: str, *, user: User, session_id: str, client: Client
) -> None:
    """Take a provider's accounts from a user, or raise NotLinked or LastWayIn."""
    ended = await write(unlink, user.id, name, session_id=session_id)
    log_event("auth.oauth.unlinked", user_id=user.id, ip=client.ip, provider=name)
    log_sessions_ended(ended, user_id=user.id, ip=client.ip)
    mails.mail_way_in_removed(user, client=client)


def report_linked(user: User, name: str, client: Client) -> None:
    log_event("auth.oauth.linked", user_id=user.id, ip=client.ip, provider=name)
    mails.mail_way_in_added(user, client=client)
