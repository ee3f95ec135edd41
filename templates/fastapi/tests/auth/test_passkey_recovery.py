# fastman: file passkey
"""Coming back without any passkey: by a code from before, or a mailed link."""

import re

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.models import AuthSession, AuthToken, User
from app.features.auth.passkey_config import passkey_config

from .authenticator import Passkey, register
from .conftest import ADA, Client, Mailbox


@pytest.fixture
def codes(client: Client, token: str) -> list[str]:
    """The recovery codes of ada@example.com."""
    return make_codes(client, token)


def make_codes(client: Client, token: str) -> list[str]:
    answer = client.send_as(token, "make_recovery_codes")
    assert answer.status_code == 200
    codes: list[str] = answer.json()["codes"]
    return codes


def recover(client: Client, **body: object) -> httpx.Response:
    return client.send("recover", json=body)


def test_a_code_lets_in_and_ends_what_was(
    client: Client, token: str, codes: list[str], mailbox: Mailbox
) -> None:
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9a-f]{4}-){7}[0-9a-f]{4}", code) for code in codes)
    answer = recover(client, email="ADA@example.com", code=f" {codes[3].upper()} ")
    assert answer.status_code == 200
    assert client.me(token).status_code == 401
    assert mailbox.subjects() == [
        "recovery codes were made",
        "your account was recovered",
    ]
    made = register(client, ADA, Passkey(), answer.json()["access_token"])
    assert made.status_code == 201


def test_a_code_is_good_once_and_for_its_account(
    client: Client, token: str, codes: list[str]
) -> None:
    client.enter("eve@example.com")
    assert recover(client, email="eve@example.com", code=codes[0]).status_code == 401
    assert recover(client, email=ADA, code=codes[0]).status_code == 200
    for code in (codes[0], "", "0" * 32, codes[1] + "0"):
        answer = recover(client, email=ADA, code=code)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Invalid recovery code"}
    assert recover(client, email=ADA, code=codes[1]).status_code == 200


def test_one_code_at_once_lets_one_in(client: Client, codes: list[str]) -> None:
    body = {"email": ADA, "code": codes[0]}
    answers = client.send_all([("recover", {"json": body}) for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 4


def test_new_codes_replace_the_old_ones(
    client: Client, token: str, codes: list[str], db: Session
) -> None:
    new = make_codes(client, token)
    assert db.query(AuthToken).count() == 10
    assert recover(client, email=ADA, code=codes[0]).status_code == 401
    assert recover(client, email=ADA, code=new[0]).status_code == 200


def test_codes_need_a_recent_sign_in(client: Client, token: str, db: Session) -> None:
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    assert client.send_as(token, "make_recovery_codes").status_code == 403


def test_a_disabled_account_stays_closed(
    client: Client, codes: list[str], db: Session
) -> None:
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert recover(client, email=ADA, code=codes[0]).status_code == 401


def test_guesses_are_bounded(client: Client, codes: list[str]) -> None:
    tries = [recover(client, email=ADA, code="0" * 32).status_code for _ in range(11)]
    assert tries == [401] * 10 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": ADA},
        {"code": "x"},
        {"email": ADA, "code": "x", "token": "x"},
        {"email": ADA, "token": "x"},
    ],
    ids=str,
)
def test_it_takes_a_code_or_a_token(client: Client, body: dict[str, str]) -> None:
    assert recover(client, **body).status_code == 422


def ask(client: Client, email: str = ADA) -> int:
    return client.send("request_recovery", json={"email": email}).status_code


def test_mail_is_no_way_in_unless_it_is_switched_on(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    assert ask(client) == 404
    assert mailbox.subjects() == []
    assert recover(client, token="x" * 43).status_code == 401


@pytest.fixture
def by_mail(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkey_config, "email_recovery", True)


@pytest.mark.usefixtures("by_mail")
def test_a_mailed_link_lets_in_once(
    client: Client, token: str, mailbox: Mailbox, db: Session
) -> None:
    db.execute(update(User).values(email_verified_at=utc_now()))
    db.commit()
    assert ask(client) == 202
    mailed = mailbox.newest_token()
    assert recover(client, token=mailed).status_code == 200
    assert recover(client, token=mailed).status_code == 401
    assert client.me(token).status_code == 401


@pytest.mark.usefixtures("by_mail")
def test_an_address_that_nobody_proved_gets_no_link(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    assert (ask(client), ask(client, "nobody@example.com")) == (202, 202)
    assert mailbox.subjects() == []


# fastman: if jwt
@pytest.mark.parametrize("switched_on", [False, True])
def test_a_first_password_by_mail_comes_with_the_switch(
    client: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, switched_on: bool
) -> None:
    monkeypatch.setattr(passkey_config, "email_recovery", switched_on)
    register(client, ADA, Passkey())
    answer = client.send("forgot_password", json={"email": ADA})
    assert answer.status_code == 202
    assert ("choose a new password" in mailbox.subjects()) is switched_on


# fastman: end
