# fastman: file oauth
"""What a provider is to this app, and what it says about who signs in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from .identity import usable_email, usable_name, without_controls
from .oauth_failed import OAuthFailed

_SUBJECT_LENGTHS = range(1, 256)
_URL_MAX_LENGTH = 2048


ClientAuthMethod = Literal["client_secret_post", "client_secret_basic"]


@dataclass(frozen=True)
class Registration:
    """What a provider gave out when this app was registered there."""

    client_id: str
    client_secret: str
    missing: str | None  # the variable without which nobody can sign in


@dataclass(frozen=True)
class Endpoints:
    """Where a sign-in goes, and how this app shows there who it is."""

    authorize: str
    token: str
    client_auth: ClientAuthMethod = "client_secret_post"
    # fastman: if google or oidc
    issuer: str | None = None  # which the callback must name, too
    promises_issuer: bool = False  # RFC 9207: then it must be there
    # fastman: end


@dataclass(frozen=True)
class Grant:
    """What a provider hands out for the code of a callback. It is never kept."""

    access_token: str
    # fastman: if google or oidc
    id_token: str | None
    nonce: str | None  # of the attempt that the code belongs to
    # fastman: end


@dataclass(frozen=True)
class Profile:
    """Who signs in, as the provider says."""

    subject: str
    email: str | None  # only if the provider has verified it
    name: str | None
    avatar_url: str | None
    is_authoritative: bool = False  # whether the provider runs that mailbox


@dataclass(frozen=True)
class Provider:
    name: str
    url: str
    scope: str
    registration: Registration
    find_endpoints: Callable[["Provider"], Awaitable[Endpoints]]
    read_profile: Callable[["Provider", Grant], Awaitable[Profile]]

    # fastman: if google or oidc
    @property
    def is_openid(self) -> bool:
        return "openid" in self.scope.split()

    # fastman: end
    @property
    def key(self) -> str:
        """Name the provider in the rows of accounts."""
        # fastman: if oidc
        if self.name == "oidc":
            return self.url
        # fastman: end
        return self.name


def make_profile(
    *,
    subject: object,
    email: object,
    name: object,
    avatar_url: object,
    is_authoritative: bool = False,
) -> Profile:
    """Take from a provider's answer what can be used, whatever its types are."""
    address = usable_email(email)
    return Profile(
        subject=_read_subject(subject),
        email=address,
        name=usable_name(name),
        avatar_url=_read_url(avatar_url),
        is_authoritative=is_authoritative and address is not None,
    )


def _read_subject(subject: object) -> str:
    if not isinstance(subject, str) or len(subject) not in _SUBJECT_LENGTHS:
        raise OAuthFailed("unavailable", "no subject")
    if without_controls(subject) != subject:
        raise OAuthFailed("unavailable", "control characters in the subject")
    return subject


def _read_url(url: object) -> str | None:
    if not isinstance(url, str) or not url.startswith("https://"):
        return None
    fits = len(url) <= _URL_MAX_LENGTH and without_controls(url) == url
    return url if fits else None
