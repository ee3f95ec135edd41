"""The security log: one line for an event, and never a secret or an address in it."""

import json
import logging
from hashlib import sha256

logger = logging.getLogger(__package__)


def log_event(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Write `event key="value" ...`; JSON keeps control characters out of the log."""
    words = [event, *(f"{key}={json.dumps(value)}" for key, value in fields.items())]
    logger.log(level, "%s", " ".join(words), extra={"event": event, "fields": fields})


def session_hash(session_id: str) -> str:
    """Name a session in the log without naming what its tokens carry."""
    return sha256(session_id.encode()).hexdigest()[:16]
