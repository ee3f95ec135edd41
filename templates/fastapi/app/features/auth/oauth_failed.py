# fastman: file oauth
"""What a sign-in with a provider comes to when it comes to nothing."""

from typing import Literal

from fastapi import HTTPException

Reason = Literal[
    "state",
    "callback",
    "denied",
    "refused",
    "unavailable",
    "id_token",
    "subject",
    "no_email",
    "taken",
    "foreign",
    "inactive",
    "busy",
]

_UNEXPECTED = "The provider did not answer as expected"

_ANSWERS: dict[Reason, tuple[int, str]] = {
    "state": (400, "Invalid or expired state"),
    "callback": (400, "Invalid callback"),
    "denied": (403, "Sign-in was cancelled"),
    "refused": (502, "The provider refused the sign-in"),
    "unavailable": (502, _UNEXPECTED),
    "id_token": (502, _UNEXPECTED),
    "subject": (502, _UNEXPECTED),
    "no_email": (403, "The provider has no verified e-mail address of yours"),
    "taken": (
        409,
        "An account with this e-mail address exists: sign in first, then link",
    ),
    "foreign": (409, "This identity belongs to another account"),
    "inactive": (403, "This account is not active"),
    "busy": (503, "Too many sign-ins at the same time, try again later"),
}


class OAuthFailed(HTTPException):
    """A reason for the log, and what people are told instead.

    The problem, if any, is a technical one: nothing that a provider sent.
    """

    def __init__(self, reason: Reason, problem: str | None = None) -> None:
        status_code, detail = _ANSWERS[reason]
        headers = {"Retry-After": "10"} if reason == "busy" else None
        super().__init__(status_code, detail, headers=headers)
        self.reason = reason
        self.problem = problem
