# fastman: file jwt or oauth or passkey
"""What authentication takes from the app's settings; unsafe values stop the start."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.core.config import settings

_DAY = 24 * 60 * 60  # seconds

# RFC 7518, section 3.2: a key of HS256 has at least the size of its hash.
_SECRET_MIN_BYTES = 32

_PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "changethis",
    "change-this",
    "change_this",
    "your-secret",
    "your_secret",
    "yoursecret",
    "placeholder",
    "replace-me",
    "replace_me",
    "replaceme",
)


@dataclass
class AuthConfig:
    development: bool
    production: bool
    issuer: str
    secret_keys: tuple[str, ...]  # the first one signs, all of them verify
    access_token_seconds: int
    session_idle_seconds: int
    session_max_seconds: int
    public_url: str  # without a slash at the end; empty when it is not set
    mail_url: str
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    # fastman: if jwt
    password_min_length: int
    bcrypt_rounds: int
    reveal_registered: bool
    # fastman: end
    # fastman: if oauth
    links_verified_email: bool  # whoever verified it, not only whose mailbox it is
    after_login_url: str
    app_redirects: tuple[str, ...]
    # fastman: end
    # fastman: if oauth or ui
    trusted_origins: tuple[str, ...]  # this app's own among them
    # fastman: end


def _plain(value: str | SecretStr | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def _secret_keys() -> tuple[str, ...]:
    current = _plain(settings.SECRET_KEY)
    if not current:
        raise RuntimeError("SECRET_KEY is not set\nrun: fastman generate:key")
    _require_secret("SECRET_KEY", current)
    previous = _plain(settings.SECRET_KEY_PREVIOUS).split(",")
    former = [key.strip() for key in previous if key.strip()]
    for key in former:
        _require_secret("SECRET_KEY_PREVIOUS", key)
    return (current, *former)


def _require_secret(name: str, value: str) -> None:
    if any(word in value.casefold() for word in _PLACEHOLDERS):
        problem = "is a placeholder, which anybody can guess"
    elif len(value.encode()) < _SECRET_MIN_BYTES:
        problem = f"is shorter than {_SECRET_MIN_BYTES} bytes"
    else:
        return
    raise RuntimeError(f"{name} {problem}\nrun: fastman generate:key")


def _public_url(*, production: bool) -> str:
    url = _plain(settings.AUTH_PUBLIC_URL)
    # fastman: if oauth
    if not url and production:
        raise RuntimeError(
            "AUTH_PUBLIC_URL is not set, and sign-in with a provider needs it for its "
            "redirect address\n"
            "set it to where people open this app, such as https://app.example.com"
        )
    # fastman: end
    if not url and production and settings.AUTH_MAIL_URL:
        raise RuntimeError(
            "AUTH_PUBLIC_URL is not set, and mails need it for their links\n"
            "set it to where people open this app, such as https://app.example.com"
        )
    if url and not is_web_address(url):
        raise RuntimeError(
            "AUTH_PUBLIC_URL is not an address\n"
            "set it to where people open this app, such as https://app.example.com"
        )
    return url.rstrip("/")


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _trusted_proxies() -> tuple[IPv4Network | IPv6Network, ...]:
    listed = _plain(settings.AUTH_TRUSTED_PROXIES).split(",")
    try:
        return tuple(ip_network(text.strip()) for text in listed if text.strip())
    except ValueError as error:
        raise RuntimeError(
            f"AUTH_TRUSTED_PROXIES: {error}\n"
            "set it to addresses or networks, such as 10.0.0.7,172.16.0.0/12"
        ) from None


# fastman: if oauth
def _links_verified_email() -> bool:
    if settings.OAUTH_LINK_BY_EMAIL not in ("authoritative", "verified"):
        raise RuntimeError(
            "OAUTH_LINK_BY_EMAIL is neither authoritative nor verified\n"
            "set it to one of them, or remove it"
        )
    return settings.OAUTH_LINK_BY_EMAIL == "verified"


# fastman: end
# fastman: if oauth or ui
def _trusted_origins() -> tuple[str, ...]:
    origins = [url.rstrip("/") for url in listed(settings.AUTH_TRUSTED_ORIGINS)]
    for url in origins:
        if not is_web_address(url) or origin_of(url) != url.lower():
            raise RuntimeError(
                f"AUTH_TRUSTED_ORIGINS: {url!r} is not an origin\n"
                "set it to origins, such as https://www.example.com"
            )
    public_url = _plain(settings.AUTH_PUBLIC_URL)
    return tuple(origin_of(url) for url in (*origins, public_url) if url)


# fastman: end
# fastman: if oauth or passkey
def listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def origin_of(url: str) -> str:
    """Return scheme, host and port as browsers send them (RFC 6454, section 6.2)."""
    parts = urlsplit(url.lower())
    default = ":443" if parts.scheme == "https" else ":80"
    host = parts.netloc.rpartition("@")[2].removesuffix(default)
    return f"{parts.scheme}://{host}"


# fastman: end
def number(name: str, least: int, most: int) -> int:
    value: int = getattr(settings, name)
    if not least <= value <= most:
        raise RuntimeError(
            f"{name} is not between {least} and {most}\nset it to another, or remove it"
        )
    return value


def _load() -> AuthConfig:
    production = settings.ENVIRONMENT not in ("development", "test")
    return AuthConfig(
        development=settings.ENVIRONMENT == "development",
        production=production,
        issuer=settings.AUTH_ISSUER,
        secret_keys=_secret_keys(),
        access_token_seconds=number("ACCESS_TOKEN_EXPIRE_MINUTES", 1, 24 * 60) * 60,
        session_idle_seconds=number("REFRESH_TOKEN_EXPIRE_DAYS", 1, 3650) * _DAY,
        session_max_seconds=number("SESSION_MAX_DAYS", 1, 3650) * _DAY,
        public_url=_public_url(production=production),
        mail_url=_plain(settings.AUTH_MAIL_URL),
        trusted_proxies=_trusted_proxies(),
        # fastman: if jwt
        password_min_length=number("PASSWORD_MIN_LENGTH", 8 if production else 1, 128),
        bcrypt_rounds=number("BCRYPT_ROUNDS", 10 if production else 4, 31),
        reveal_registered=settings.AUTH_REVEAL_REGISTERED,
        # fastman: end
        # fastman: if oauth
        links_verified_email=_links_verified_email(),
        after_login_url=settings.AUTH_AFTER_LOGIN_URL or "/",
        app_redirects=listed(settings.AUTH_APP_REDIRECTS),
        # fastman: end
        # fastman: if oauth or ui
        trusted_origins=_trusted_origins(),
        # fastman: end
    )


config = _load()
