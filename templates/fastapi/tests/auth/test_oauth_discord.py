# fastman: file discord
"""What Discord says of people, and where their pictures are."""

from typing import Any

import anyio
import httpx
import pytest

from app.features.auth.oauth_config import PROVIDERS
from app.features.auth.oauth_discord import read_profile
from app.features.auth.oauth_provider import Grant, Profile

from .conftest import AnswerCalls

GRANT = Grant(
    access_token="token",
    # fastman: if google or oidc
    id_token=None,
    nonce=None,
    # fastman: end
)
ADA = {"id": "80351110224678912", "username": "ada", "email": "ada@example.com"}


def read(answer_calls: AnswerCalls, user: dict[str, Any]) -> Profile:
    answer_calls(lambda _: httpx.Response(200, json=user))
    return anyio.run(read_profile, PROVIDERS["discord"], GRANT)


@pytest.mark.parametrize(
    ("picture", "path"),
    [
        ("8342729096ea3675442027381ff50dfe", "avatars/{id}/{picture}.png"),
        ("a_8342729096ea3675442027381ff50dfe", "avatars/{id}/{picture}.gif"),
        (None, "embed/avatars/5.png"),
    ],
)
def test_everybody_has_a_picture(
    answer_calls: AnswerCalls, picture: str | None, path: str
) -> None:
    profile = read(answer_calls, ADA | {"avatar": picture})
    path = path.format(id=ADA["id"], picture=picture)
    assert profile.avatar_url == f"https://cdn.discordapp.com/{path}"


def test_only_a_verified_address_counts(answer_calls: AnswerCalls) -> None:
    assert read(answer_calls, ADA | {"verified": True}).email == "ada@example.com"
    for verified in (False, None, "true", 1):
        assert read(answer_calls, ADA | {"verified": verified}).email is None
