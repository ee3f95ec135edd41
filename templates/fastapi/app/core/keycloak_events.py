# fastman: file keycloak
"""What the log says about Keycloak: never a token, and no flood of lines."""

import functools
import json
import logging
import time

logger = logging.getLogger(__name__)

_VALUE_MAX_LENGTH = 200  # characters of what somebody sent
_REPEAT_AFTER = 10  # seconds between two lines of the same reason

_CLOCK = "if the token is new, the clocks of this host and of Keycloak differ"

_HINTS = {
    "audience": "add a mapper of the type Audience for this client id, to the client "
    "that asks for the token, in the Keycloak console: Client scopes",
    "issuer": "KEYCLOAK_URL and KEYCLOAK_REALM must say what Keycloak writes into its "
    "tokens; its option hostname decides what that is",
    "expired": _CLOCK,
    "not_yet": _CLOCK,
    "type": "send the access token, not an ID token or a refresh token",
    "algorithm": "let the realm or the client sign with RS256, PS256 or ES256",
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
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:_VALUE_MAX_LENGTH]
