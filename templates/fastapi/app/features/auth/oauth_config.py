# fastman: file oauth
"""The providers, one entry each, with what the settings say about them."""

import logging
import re

from pydantic import SecretStr

from app.core.config import settings

from . import oauth_discord, oauth_github, oauth_openid
from .config import config
from .events import log_event
from .oauth_provider import Provider, Registration

# The one whose client OAUTH_CLIENT_ID names, and to whose address no name belongs.
FIRST = "google"

# What stands in a fresh .env file counts as nothing.
_PLACEHOLDER = re.compile(
    r"(^|://)your[-_]|change.?me|change.?this|placeholder", re.IGNORECASE
)


def _setting(name: str) -> str:
    value = getattr(settings, name) or ""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return "" if _PLACEHOLDER.search(text) else text


def _url(name: str, default: str) -> str:
    url = _setting(name)
    if url and not re.fullmatch(r"https?://[^/?#\s]+[^?#\s]*", url):
        problem = "is not an address"
    elif url and config.production and not url.startswith("https://"):
        problem = "is not https"
    else:
        return url or default
    raise RuntimeError(f"{name} {problem}\nset it to an https address, or remove it")


def _registration(provider: str) -> Registration:
    prefix = "OAUTH" if provider == FIRST else f"OAUTH_{provider.upper()}"
    fields = (f"{prefix}_CLIENT_ID", f"{prefix}_CLIENT_SECRET")
    client_id, client_secret = (_setting(name) for name in fields)
    missing = next((name for name in fields if not _setting(name)), None)
    return Registration(client_id, client_secret, missing)


_ALL = [
    # fastman: if google
    Provider(
        name="google",
        url=_url("OAUTH_GOOGLE_URL", "https://accounts.google.com").rstrip("/"),
        scope="openid email profile",
        registration=_registration("google"),
        find_endpoints=oauth_openid.find_google_endpoints,
        read_profile=oauth_openid.read_google_profile,
    ),
    # fastman: end
    # fastman: if github
    Provider(
        name="github",
        url=_url("OAUTH_GITHUB_URL", "https://github.com").rstrip("/"),
        scope="read:user user:email",
        registration=_registration("github"),
        find_endpoints=oauth_github.find_endpoints,
        read_profile=oauth_github.read_profile,
    ),
    # fastman: end
    # fastman: if discord
    Provider(
        name="discord",
        url=_url("OAUTH_DISCORD_URL", "https://discord.com").rstrip("/"),
        scope="identify email",
        registration=_registration("discord"),
        find_endpoints=oauth_discord.find_endpoints,
        read_profile=oauth_discord.read_profile,
    ),
    # fastman: end
    # fastman: if oidc
    Provider(
        name="oidc",
        url=_url("OAUTH_OIDC_ISSUER", ""),
        scope="openid email profile",
        registration=_registration("oidc"),
        find_endpoints=oauth_openid.find_endpoints,
        read_profile=oauth_openid.read_profile,
    ),
    # fastman: end
]
PROVIDERS = {provider.name: provider for provider in _ALL}
# The one that is meant where none is named.
DEFAULT = PROVIDERS["google"]


def missing_setting(provider: Provider) -> str | None:
    """Name the variable without which nobody can sign in with a provider."""
    # fastman: if oidc
    if provider.name == "oidc" and not provider.url:
        return "OAUTH_OIDC_ISSUER"
    # fastman: end
    return provider.registration.missing


def warn_of_missing(provider: Provider, variable: str) -> None:
    log_event(
        "auth.oauth.off",
        level=logging.WARNING,
        provider=provider.name,
        problem=f"{variable} is not set: nobody can sign in with {provider.name}",
    )


for _provider in _ALL:
    if _missing := missing_setting(_provider):
        warn_of_missing(_provider, _missing)
