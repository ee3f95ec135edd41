# fastman: file passkey
"""What passkeys take from the app's settings, and whose pages may use them."""

import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.core.config import settings

from .config import config, is_web_address, listed, number, origin_of
from .events import log_event

# What native apps send: a hash of the key that signed them, or their bundle's name.
_APP_ORIGIN = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]+|ios:bundle-id:[\w.-]+")


@dataclass
class PasskeyConfig:
    rp_id: str
    rp_name: str
    origins: tuple[str, ...]
    session_seconds: int  # of an access token after a sign-in with a passkey
    email_recovery: bool


def _origins() -> tuple[str, ...]:
    origins = tuple(url.rstrip("/") for url in listed(settings.PASSKEY_ORIGIN))
    if not origins or not all(map(_is_origin, origins)):
        raise RuntimeError(
            "PASSKEY_ORIGIN is not a list of origins\n"
            "set it to addresses without a path, such as https://app.example.com"
        )
    if not all(_belongs(origin, settings.PASSKEY_RP_ID) for origin in origins):
        raise RuntimeError(
            "PASSKEY_ORIGIN does not belong to PASSKEY_RP_ID\n"
            "set PASSKEY_RP_ID to the domain of those addresses"
        )
    return origins


def _is_origin(text: str) -> bool:
    if _APP_ORIGIN.fullmatch(text):
        return True
    return is_web_address(text) and origin_of(text) == text


def _belongs(origin: str, rp_id: str) -> bool:
    host = urlsplit(origin).hostname or rp_id  # an app has none
    return f".{host}".endswith(f".{rp_id}")


def _warn_in_production(loaded: PasskeyConfig) -> None:
    if loaded.rp_id == "localhost":
        _warn("PASSKEY_RP_ID is localhost: passkeys work on this machine alone")
    if any(origin.startswith("http://") for origin in loaded.origins):
        _warn(
            "PASSKEY_ORIGIN has an http address: "
            "browsers offer passkeys over https alone"
        )


def _warn(problem: str) -> None:
    log_event("auth.passkey.local", level=logging.WARNING, problem=problem)


passkey_config = PasskeyConfig(
    rp_id=settings.PASSKEY_RP_ID,
    rp_name=settings.PASSKEY_RP_NAME or config.issuer.removeprefix("fastman:"),
    origins=_origins(),
    session_seconds=number("PASSKEY_SESSION_EXPIRE_MINUTES", 1, 24 * 60) * 60,
    email_recovery=settings.PASSKEY_EMAIL_RECOVERY,
)
if config.production:
    _warn_in_production(passkey_config)
