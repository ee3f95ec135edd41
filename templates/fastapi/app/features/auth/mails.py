# fastman: file jwt or oauth or passkey
"""What the mails of authentication say."""

from .clients import Client
from .config import config
from .mail import send_mail
from .models import User
from .one_time import Purpose

_APP = config.issuer.removeprefix("fastman:")

# Where the links lead: to pages of yours, which send the token on. What stands behind
# the `#` reaches no server and no log.
_LINKS: dict[Purpose, str] = {
    # fastman: if jwt
    "reset": "/reset-password#token=",
    # fastman: end
    "verify": "/verify-email#token=",
    # fastman: if passkey
    "recovery": "/auth/passkey/recovery#token=",
    # fastman: end
}
# fastman: if ui
# The page of this app takes them.
_LINKS |= {
    "verify": "/auth/ui#verify=",
    "recovery": "/auth/ui#recover=",
    "reset": "/auth/ui#reset=",
}
# fastman: end


def _link(base_url: str, purpose: Purpose, token: str) -> str:
    return f"{base_url}{_LINKS[purpose]}{token}"


# fastman: if jwt
def mail_reset_link(to: str, *, base_url: str, token: str) -> None:
    send_mail(
        to,
        f"{_APP}: choose a new password",
        f"""Somebody, probably you, asked for a new password for {_APP}.
This link lets you choose one, within 30 minutes and once:

{_link(base_url, "reset", token)}

If it was not you, do nothing: your password stays as it is.
""",
    )


def mail_password_changed(user: User, *, client: Client) -> None:
    _notify(user, "your password was changed", client)


def mail_password_reset(user: User, *, client: Client, taken_over: bool) -> None:
    more = _TAKEN_OVER if taken_over else ""
    _notify(user, "your password was reset", client, more)


def mail_already_registered(to: str) -> None:
    send_mail(
        to,
        f"{_APP}: you have an account already",
        f"""Somebody, probably you, tried to open an account at {_APP} with this
address, which has one. Sign in, or ask for a new password if you forgot yours.

If it was not you, do nothing: nobody was told that you have an account.
""",
    )


def mail_username_taken(to: str) -> None:
    send_mail(
        to,
        f"{_APP}: please choose another user name",
        f"""Somebody, probably you, tried to open an account at {_APP} with this
address. The user name belongs to somebody else, so no account was opened.
Please try again with another name, or without one.
""",
    )


# fastman: end
def mail_verify_link(to: str, *, base_url: str, token: str) -> None:
    send_mail(
        to,
        f"{_APP}: confirm your e-mail address",
        f"""Somebody, probably you, uses this address for an account at {_APP}.
This link confirms that it is yours, within 24 hours and once:

{_link(base_url, "verify", token)}

If it was not you, do nothing, and never give this link to anybody.
""",
    )


def mail_sessions_ended(user: User, *, client: Client) -> None:
    _notify(user, "a session was ended", client)


def mail_refresh_reused(user: User, *, client: Client) -> None:
    more = (
        "A refresh token was used twice, as happens when somebody has a copy of it.\n"
        "The session was ended to be safe; please sign in again.\n"
    )
    _notify(user, "a session was ended", client, more)


def mail_taken_over(user: User, *, client: Client) -> None:
    _notify(user, "your address was confirmed", client, _TAKEN_OVER)


# fastman: if oauth or keycloak
def mail_way_in_added(user: User, *, client: Client) -> None:
    _notify(user, "a way to sign in was added", client)


def mail_way_in_removed(user: User, *, client: Client) -> None:
    _notify(user, "a way to sign in was removed", client)


# fastman: end
# fastman: if passkey
def mail_passkey_added(user: User, *, client: Client) -> None:
    _notify(user, "a passkey was added", client)


def mail_passkey_removed(user: User, *, client: Client) -> None:
    _notify(user, "a passkey was removed", client)


def mail_passkey_refused(user: User, *, client: Client) -> None:
    more = (
        "It was not added, because whoever tried was not signed in to your account.\n"
        "If it was you, sign in first.\n"
    )
    _notify(user, "somebody tried to add a passkey", client, more)


def mail_recovery_codes_made(user: User, *, client: Client) -> None:
    _notify(user, "recovery codes were made", client)


def mail_recovered(user: User, *, client: Client) -> None:
    _notify(user, "your account was recovered", client)


def mail_recovery_link(to: str, *, base_url: str, token: str) -> None:
    send_mail(
        to,
        f"{_APP}: recover your account",
        f"""Somebody, probably you, cannot sign in to {_APP} any more.
This link lets you in, within 30 minutes and once, so that you can make a new passkey:

{_link(base_url, "recovery", token)}

If it was not you, do nothing, and never give this link to anybody.
""",
    )


# fastman: end
_TAKEN_OVER = (
    "The account was made before its address was confirmed, so that every other\n"
    "session and way of signing in was removed from it.\n"
)


_IF_NOT_YOU = [
    # fastman: if jwt
    "choose a new password now",
    # fastman: end
    "end the sessions you do not know",
]


def _notify(user: User, what: str, client: Client, more: str = "") -> None:
    send_mail(
        user.email,
        f"{_APP}: {what}",
        f"""At {_APP}, {what}, from the address {client.ip or "unknown"}.
{more}
If it was not you, {", and ".join(_IF_NOT_YOU)}.
""",
    )
