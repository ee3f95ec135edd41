# fastman: file jwt
"""Which passwords are taken, and what makes two of them the same."""

import pytest

from app.features.auth.config import config
from app.features.auth.passwords import hash_password, verify_password

from .conftest import Client


@pytest.mark.parametrize(
    "password",
    [
        "short12",
        "Password123",
        "ada@example.com",
        "ada.lovelace",
        "x" * 1025,
        "correct horse\x00battery",
    ],
)
def test_refuses_what_is_guessed_or_cannot_be_hashed(
    client: Client, password: str
) -> None:
    answer = client.register(
        "ada@example.com", username="ada.lovelace", password=password
    )
    assert answer.status_code == 422
    problem = answer.json()["detail"][0]
    assert set(problem) == {"loc", "type", "msg"}
    assert problem["loc"] == ["body", "password"]
    assert password not in answer.text


@pytest.mark.parametrize(
    "password", ["\U0001f600" * 8, "        ", "lowercaseonly", "x" * 1024]
)
def test_asks_for_length_and_for_no_mix_of_characters(
    client: Client, password: str
) -> None:
    assert client.register("ada@example.com", password=password).status_code == 201
    assert client.log_in("ada@example.com", password).status_code == 200


def test_counts_characters_not_bytes(client: Client) -> None:
    answer = client.register("ada@example.com", password="\u00e9\u00e9\u00e9\u00e9")
    assert answer.status_code == 422


def test_every_byte_of_a_long_password_counts(client: Client) -> None:
    client.register("ada@example.com", password="x" * 72 + "right")
    assert client.log_in("ada@example.com", "x" * 72 + "wrong").status_code == 401
    assert client.log_in("ada@example.com", "x" * 72 + "right").status_code == 200


def test_keyboards_may_compose_letters_differently(client: Client) -> None:
    client.register("ada@example.com", password="caf\u00e9 au lait")
    assert client.log_in("ada@example.com", "cafe\u0301 au lait").status_code == 200


@pytest.mark.parametrize(
    "stored", [None, "", "plain", "$2b$04$short", "$2b$99$" + "." * 53, "$argon2id$x"]
)
def test_a_damaged_hash_lets_nobody_in(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "bcrypt_rounds", 4)
    assert not verify_password("anything", stored)


@pytest.mark.parametrize("version", ["$2a$", "$2b$", "$2y$"])
def test_hashes_of_other_apps_are_understood(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "bcrypt_rounds", 4)
    stored = hash_password("correct horse").replace("$2b$", version)
    assert verify_password("correct horse", stored)
    assert not verify_password("wrong horse", stored)
