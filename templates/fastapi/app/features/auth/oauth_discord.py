# fastman: file discord
"""Discord, which is OAuth 2.0 with an API of its own (discord.com/developers)."""

import re
from typing import Any

from .oauth_calls import get_object
from .oauth_provider import Endpoints, Grant, Profile, Provider, make_profile

_CDN = "https://cdn.discordapp.com"
_SNOWFLAKE = re.compile(r"[0-9]{1,20}")


async def find_endpoints(discord: Provider) -> Endpoints:
    return Endpoints(
        authorize=f"{discord.url}/oauth2/authorize",
        token=f"{discord.url}/api/oauth2/token",
    )


async def read_profile(discord: Provider, grant: Grant) -> Profile:
    user = await get_object(
        "user", f"{discord.url}/api/users/@me", token=grant.access_token
    )
    return make_profile(
        subject=user.get("id"),
        email=user.get("email") if user.get("verified") is True else None,
        name=user.get("username"),
        avatar_url=_avatar_url(user),
    )


def _avatar_url(user: dict[str, Any]) -> str | None:
    number, picture = user.get("id"), user.get("avatar")
    if not isinstance(number, str) or not _SNOWFLAKE.fullmatch(number):
        return None
    if isinstance(picture, str):
        kind = "gif" if picture.startswith("a_") else "png"
        return f"{_CDN}/avatars/{number}/{picture}.{kind}"
    # One of six that everybody has: the id begins with the time it was made.
    return f"{_CDN}/embed/avatars/{(int(number) >> 22) % 6}.png"
