# fastman: file github
"""What GitHub says of people: a number that stays, and their primary address."""

from typing import Any

import anyio
import httpx
import pytest

from app.features.auth.oauth_config import PROVIDERS
from app.features.auth.oauth_failed import OAuthFailed
from app.features.auth.oauth_github import read_profile
from app.features.auth.oauth_provider import Grant, Profile

from .conftest import AnswerCalls

GRANT = Grant(
    access_token="token",
    # fastman: if google or oidc
    id_token=None,
    nonce=None,
    # fastman: end
)
PRIMARY = {"email": "ada@example.com", "primary": True, "verified": True}


def read(answer_calls: AnswerCalls, user: Any, emails: Any) -> Profile:
    answer_calls(
        lambda request: httpx.Response(
            200, json=emails if request.url.path.endswith("/emails") else user
        )
    )
    return anyio.run(read_profile, PROVIDERS["github"], GRANT)


def test_the_primary_address_counts(answer_calls: AnswerCalls) -> None:
    user = {"id": 7, "login": "ada", "name": None, "email": "public@example.com"}
    other = {"email": "other@example.com", "primary": False, "verified": True}
    profile = read(answer_calls, user, [other, PRIMARY])
    assert (profile.subject, profile.name) == ("7", "ada")
    assert profile.email == "ada@example.com"


def test_an_address_that_is_not_verified_does_not(answer_calls: AnswerCalls) -> None:
    profile = read(answer_calls, {"id": 7}, [PRIMARY | {"verified": False}])
    assert profile.email is None


@pytest.mark.parametrize("user", [{}, {"id": True}, {"id": "7"}, [], None])
def test_without_a_number_nobody_signs_in(answer_calls: AnswerCalls, user: Any) -> None:
    with pytest.raises(OAuthFailed):
        read(answer_calls, user, [PRIMARY])
