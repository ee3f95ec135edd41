# fastman: file jwt
"""AUTH_REVEAL_REGISTERED=false: signing up tells nobody who has an account."""

import pytest

from app.features.auth.config import config

from .conftest import PASSWORD, Client, Mailbox


@pytest.fixture(autouse=True)
def unseen(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "reveal_registered", False)


def register(client: Client, email: str, **fields: str) -> None:
    answer = client.register(email, **fields)
    assert (answer.status_code, answer.json()) == (202, {})


def test_an_account_is_entered_after_its_address_is_proved(
    client: Client, mailbox: Mailbox
) -> None:
    register(client, "ada@example.com")
    assert client.log_in("ada@example.com").status_code == 401
    fields = {"token": mailbox.newest_token(), "password": PASSWORD}
    assert client.send("verify", json=fields).status_code == 204
    assert client.log_in("ada@example.com").status_code == 200


def test_only_the_owner_hears_of_a_second_try_and_once_an_hour(
    client: Client, mailbox: Mailbox
) -> None:
    for _ in range(3):
        register(client, "ada@example.com", password="another long passphrase")
    assert mailbox.subjects() == [
        "confirm your e-mail address",
        "you have an account already",
    ]


def test_a_taken_name_is_told_by_mail(client: Client, mailbox: Mailbox) -> None:
    register(client, "ada@example.com", username="ada")
    register(client, "eve@example.com", username="ADA")
    assert [str(mail["To"]) for mail in mailbox] == [
        "ada@example.com",
        "eve@example.com",
    ]
    assert mailbox.subjects()[-1] == "please choose another user name"


def test_bad_input_is_still_told(client: Client) -> None:
    assert client.register("ada@example.com", password="short").status_code == 422
