# fastman: file jwt
"""Making an account."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.features.auth.models import User

from .conftest import PASSWORD, Client


def test_answers_the_new_user(client: Client) -> None:
    answer = client.register("Ada@Example.COM", username="ada")
    assert answer.status_code == 201
    user = answer.json()
    assert user.pop("created_at").endswith("Z")
    assert user == {
        "id": 1,
        "email": "Ada@example.com",
        "username": "ada",
        "name": None,
        "avatar_url": None,
        "is_active": True,
        "is_superuser": False,
        "is_verified": False,
        "oauth_provider": None,
    }


def test_stores_a_hash_instead_of_the_password(client: Client, db: Session) -> None:
    client.register("ada@example.com")
    hashed = db.scalars(select(User.hashed_password)).one()
    assert hashed is not None
    assert hashed.startswith("$2b$")
    assert PASSWORD not in hashed


def test_ignores_fields_that_are_not_the_users_to_set(client: Client) -> None:
    answer = client.register("ada@example.com", is_superuser=True, id=7)
    assert (answer.json()["id"], answer.json()["is_superuser"]) == (1, False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@example.com", "ADA@EXAMPLE.COM"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
    ],
)
def test_one_address_has_one_account(client: Client, first: str, second: str) -> None:
    assert client.register(first).status_code == 201
    answer = client.register(second)
    assert answer.status_code == 409
    assert answer.json() == {"detail": "E-mail is already registered"}


def test_one_username_has_one_account(client: Client) -> None:
    client.register("ada@example.com", username="Ada")
    answer = client.register("eve@example.com", username="aDA")
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Username is already taken"}


def test_of_two_at_once_one_wins(client: Client) -> None:
    fields = {"email": "ada@example.com", "password": PASSWORD}
    answers = client.send_all([("register", {"json": fields}) for _ in range(8)])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize("username", ["ab", "a" * 101, "ada@home", "a da", "ada\n"])
def test_refuses_names_that_could_mislead(client: Client, username: str) -> None:
    answer = client.register("ada@example.com", username=username)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "username"]


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "Ada <ada@example.com>", "ada@example.com\x00", 5, None]
)
def test_refuses_what_is_no_address(client: Client, email: object) -> None:
    answer = client.send("register", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "email"]
