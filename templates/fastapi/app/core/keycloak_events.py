# fastman: file keycloak
"""What the log says about Keycloak: never a token, and no flood of lines."""

import functools
import json
import logging
import time

logger = logging.getLogger(__name__)

_VALUE_MAX_LENGTH = 200  # characters of what somebody sent
_REPEAT_AFTER = 10  # seconds between two lines of the same reason

_CLOCK = "if the token is fresh, the clock of this machine or of Keycloak's is wrong"

_HINTS = {
    "issuer": "the token is of another issuer: KEYCLOAK_URL and KEYCLOAK_REALM must "
    "name the realm as its tokens do (Keycloak's setting hostname)",
    "audience": "in Keycloak, add a mapper of type Audience to a client scope of the "
    "client that signs in, with this client as Included Client Audience",
    "expired": _CLOCK,
    "not_yet": _CLOCK,
    "type": "send the access token, not an ID token or a refresh token",
    "key": "the realm has no such key (any more): sign in again",
    "algorithm": "set the realm's signature algorithm to RS256, PS256 or ES256",
}

_last_lines: dict[str, float] = {}  # by reason, on this process's clock


@functools.cache
def _show() -> None:
    """Let events be seen where nobody has set up logging, as under a plain uvicorn."""
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def log_event(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Write `event key="value" ...`; JSON keeps control characters out of the log."""
    _show()
    words = [event, *(f"{key}={json.dumps(value)}" for key, value in fields.items())]
    logger.log(level, "%s", " ".join(words), extra={"event": event, "fields": fields})


def log_warning(event: str, **fields: object) -> None:
    log_event(event, level=logging.WARNING, **fields)


def log_refused(reason: str, **values: object) -> None:
    """Say why a token did not count, and what helps; a flood leaves a line at a time.

    The values are of the token, and shown in part.
    """
    now = time.monotonic()
    if now - _last_lines.get(reason, -_REPEAT_AFTER) < _REPEAT_AFTER:
        return
    _last_lines[reason] = now
    shown = {name: _cut(value) for name, value in values.items()}
    hint = {"hint": _HINTS[reason]} if reason in _HINTS else {}
    log_warning("auth.keycloak.refused", reason=reason, **shown, **hint)


def _cut(value: object) -> str:
    values = value if isinstance(value, list) else [value]
    return " ".join(str(one) for one in values)[:_VALUE_MAX_LENGTH]
