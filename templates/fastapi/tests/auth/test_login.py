# fastman: file jwt
"""Signing in."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.features.auth.config import config
from app.features.auth.models import AuthSession, User

from .conftest import PASSWORD, Client


@pytest.mark.parametrize("name", ["ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com"])
def test_by_username_or_address(client: Client, name: str) -> None:
    client.register("ada@example.com", username="ada")
    answer = client.log_in(name)
    assert answer.status_code == 200
    token = answer.json()
    assert set(token) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert token["token_type"] == "bearer"
    assert token["expires_in"] == config.access_token_seconds


def test_by_json_and_by_multipart(client: Client) -> None:
    client.register("ada@example.com")
    fields = {"username": "ada@example.com", "password": PASSWORD}
    assert client.send("login", json=fields).status_code == 200
    parts = {name: (None, value) for name, value in fields.items()}
    assert client.send("login", files=parts).status_code == 200


def test_failures_look_alike(client: Client, db: Session) -> None:
    for name in ("wrong", "inactive", "passwordless"):
        client.register(f"{name}@example.com")
    db.execute(
        update(User).where(User.email == "inactive@example.com").values(is_active=False)
    )
    db.execute(
        update(User)
        .where(User.email == "passwordless@example.com")
        .values(hashed_password=None)
    )
    db.commit()
    answers = [
        client.log_in("wrong@example.com", "not the password"),
        client.log_in("inactive@example.com"),
        client.log_in("passwordless@example.com"),
        client.log_in("unknown@example.com"),
        client.log_in("unknown"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {
        '{"detail":"Incorrect username or password"}'
    }
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_leaves_a_session_row_without_a_usable_secret(
    client: Client, db: Session
) -> None:
    client.register("ada@example.com")
    refresh_token = client.log_in("ada@example.com").json()["refresh_token"]
    session = db.scalars(select(AuthSession)).one()
    session_id, counter, proof = refresh_token.split(".")
    assert (session_id, counter) == (session.id, "0")
    assert proof not in {session.salt, session.cookie_hash}


def test_renews_a_hash_of_another_cost(
    client: Client, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.register("ada@example.com")
    monkeypatch.setattr(config, "bcrypt_rounds", 5)
    assert client.log_in("ada@example.com").status_code == 200
    hashed = db.scalars(select(User.hashed_password)).one()
    assert hashed is not None
    assert hashed.startswith("$2b$05$")
    assert client.log_in("ada@example.com").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"username=ada",
        b"username=ada&username=eve&password=x",
        b"username=%ff&password=x",
        b"username=ada&password=%00",
        b"username=ada&password=" + b"x" * 1025,
    ],
)
def test_refuses_forms_that_can_be_read_in_two_ways(
    client: Client, body: bytes
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.send("login", content=body, headers=headers)
    assert answer.status_code == 422
