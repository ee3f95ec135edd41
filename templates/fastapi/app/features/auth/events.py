# fastman: file jwt or oauth or passkey
"""The security log: one line for an event, and never a secret or an address in it."""

import functools
import json
import logging
from hashlib import sha256

logger = logging.getLogger(__package__)


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


def session_hash(session_id: str) -> str:
    """Name a session in the log without naming what its tokens carry."""
    return sha256(session_id.encode()).hexdigest()[:16]


def log_sessions_ended(ids: list[str], *, user_id: int, ip: str | None) -> None:
    for session_id in ids:
        log_event(
            "auth.session.ended",
            user_id=user_id,
            ip=ip,
            session=session_hash(session_id),
        )


# fastman: if oauth
class _WithoutCodes(logging.Filter):
    """Keeps what comes back from a provider out of uvicorn's log of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_cut_query(value) for value in record.args)
        return True


def _cut_query(value: object) -> object:
    path = value.partition("?")[0] if isinstance(value, str) else ""
    return path if "/auth/callback" in path else value


logging.getLogger("uvicorn.access").addFilter(_WithoutCodes())

# fastman: end
