# fastman: file github
"""GitHub, which is OAuth 2.0 with an API of its own (docs.github.com/rest/users)."""

from typing import Any

from .oauth_calls import get_json, get_object
from .oauth_failed import OAuthFailed
from .oauth_provider import Endpoints, Grant, Profile, Provider, make_profile

_GITHUB = "https://github.com"


async def find_endpoints(github: Provider) -> Endpoints:
    return Endpoints(
        authorize=f"{github.url}/login/oauth/authorize",
        token=f"{github.url}/login/oauth/access_token",
    )


async def read_profile(github: Provider, grant: Grant) -> Profile:
    api = _api(github)
    user = await get_object("user", f"{api}/user", token=grant.access_token)
    emails = await get_json(
        "user/emails", f"{api}/user/emails?per_page=100", token=grant.access_token
    )
    return make_profile(
        subject=_subject(user.get("id")),
        email=_primary(emails),
        name=user.get("name") or user.get("login"),
        avatar_url=user.get("avatar_url"),
    )


def _api(github: Provider) -> str:
    enterprise = github.url != _GITHUB
    return f"{github.url}/api/v3" if enterprise else "https://api.github.com"


def _subject(number: object) -> str | None:
    # The login can be given up and taken by somebody else; the number stays.
    return str(number) if type(number) is int else None


def _primary(emails: Any) -> object:
    """Return the one address that people chose to be reached at, if it is verified."""
    if not isinstance(emails, list) or not all(isinstance(e, dict) for e in emails):
        raise OAuthFailed("unavailable", "user/emails: not a list of addresses")
    chosen = (
        email.get("email")
        for email in emails
        if email.get("primary") is True and email.get("verified") is True
    )
    return next(chosen, None)
