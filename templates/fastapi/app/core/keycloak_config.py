# fastman: file keycloak
"""What Keycloak's part takes from the app's settings; unsafe values stop the start."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from app.core.config import settings

from .keycloak_events import log_warning

# What stands in a fresh .env file counts as nothing.
_PLACEHOLDERS = {
    "KEYCLOAK_URL": "https://keycloak.example.com",
    "KEYCLOAK_REALM": "my-realm",
    "KEYCLOAK_CLIENT_ID": "my-client",
}


@dataclass(frozen=True)
class KeycloakConfig:
    issuer: str
    client_id: str
    tls: ssl.SSLContext


def load_config() -> KeycloakConfig | None:
    """Return the realm of the settings; None, and a warning, where they name none."""
    url, tls = _base_url(), _tls()
    missing = [name for name in _PLACEHOLDERS if not _setting(name)]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        log_warning(
            "auth.keycloak.off",
            problem=f"{', '.join(missing)} {are} not set: "
            "nobody can sign in with Keycloak",
        )
        return None
    issuer = f"{url}/realms/{_setting('KEYCLOAK_REALM')}"
    return KeycloakConfig(issuer, _setting("KEYCLOAK_CLIENT_ID"), tls)


def _setting(name: str) -> str:
    value = getattr(settings, name) or ""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return "" if text == _PLACEHOLDERS.get(name) else text


def _base_url() -> str:
    url = _setting("KEYCLOAK_URL")
    production = settings.ENVIRONMENT not in ("development", "test")
    if url and not _is_web_address(url):
        problem = "is not an address"
    elif url and production and not url.startswith("https://"):
        problem = "is not https"
    else:
        return url.rstrip("/")
    raise RuntimeError(
        f"KEYCLOAK_URL {problem}\nset it to an https address, or remove it"
    )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not (parts.query or parts.fragment)
    )


def _tls() -> ssl.SSLContext:
    """Trust the public authorities, and those of KEYCLOAK_CA_FILE besides."""
    context = httpx.create_ssl_context()
    if path := _setting("KEYCLOAK_CA_FILE"):
        try:
            context.load_verify_locations(path)
        except (OSError, ssl.SSLError):
            raise RuntimeError(
                "KEYCLOAK_CA_FILE holds no certificate\n"
                "set it to a file of certificates in PEM, or remove it"
            ) from None
    return context
