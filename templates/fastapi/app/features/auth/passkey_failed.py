# fastman: file passkey
"""Why a passkey was refused: for the log alone, its sender learns only that it was."""

import logging
from typing import Literal

from .clients import Client
from .events import log_event

Reason = Literal[
    "challenge",  # none of ours, used, too old, or for somebody else
    "origin",  # another site's, or for another domain
    "verification",  # nobody was there, or nobody was recognised
    "credential",  # not one that we know, or can read
    "signature",
    "counter",  # has not moved on: there may be a copy
    "inactive",
    "taken",  # the passkey is somebody's already
    "foreign",  # the address is somebody else's
]


class PasskeyFailed(Exception):
    def __init__(self, reason: Reason, user_id: int | None = None) -> None:
        self.reason = reason
        self.user_id = user_id


class PasskeyCopied(PasskeyFailed):
    """A genuine signature whose counter is behind: two authenticators count."""

    def __init__(self) -> None:
        super().__init__("counter")


def report_failed(failed: PasskeyFailed, client: Client) -> None:
    known = {} if failed.user_id is None else {"user_id": failed.user_id}
    log_event(
        "auth.passkey.failed",
        level=logging.WARNING,
        **known,
        ip=client.ip,
        reason=failed.reason,
    )
