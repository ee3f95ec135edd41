# fastman: file jwt
"""Bounds on attempts: who guesses is stopped, and nobody else is locked out."""

from ipaddress import ip_network

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.config import config
from app.features.auth.models import AuthThrottle

from .conftest import Client, Mailbox

WRONG = "not the password"


def guess(client: Client, times: int, name: str = "ada", **options: str) -> list[int]:
    return [client.log_in(name, WRONG, **options).status_code for _ in range(times)]


def test_ten_guesses_from_one_address(client: Client, token: str, db: Session) -> None:
    assert guess(client, 11) == [401] * 10 + [429]
    refused = client.log_in("ada@example.com")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert client.log_in("ada", ip="127.0.0.2").status_code == 200
    db.execute(update(AuthThrottle).values(expires_at=utc_now(-1)))
    db.commit()
    assert client.log_in("ada").status_code == 200


def test_names_that_nobody_has_are_counted_alike(client: Client) -> None:
    assert guess(client, 11, "nobody") == [401] * 10 + [429]


def test_a_success_is_not_counted(client: Client, token: str) -> None:
    assert {client.log_in("ada").status_code for _ in range(12)} == {200}


def test_fifty_at_once_are_counted_one_by_one(client: Client, token: str) -> None:
    fields = {"username": "ada", "password": WRONG}
    answers = client.send_all([("login", {"data": fields}) for _ in range(50)])
    assert sum(answer.status_code == 401 for answer in answers) <= 10


def test_a_hundred_guesses_at_one_account_leave_known_addresses_in(
    client: Client, token: str
) -> None:
    for last in range(2, 12):
        assert guess(client, 10, ip=f"127.0.0.{last}") == [401] * 10
    assert client.log_in("ada", ip="127.0.0.12").status_code == 429
    assert client.log_in("ada").status_code == 200


def test_a_hundred_accounts_from_one_address(client: Client, token: str) -> None:
    for number in range(100):
        assert guess(client, 1, f"nobody{number}") == [401]
    assert guess(client, 1, "somebody") == [429]


def test_a_reset_lets_the_owner_in_again(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    guess(client, 11)
    client.send("forgot_password", json={"email": "ada@example.com"})
    fields = {"token": mailbox.newest_token(), "new_password": "a new passphrase"}
    assert client.send("reset_password", json=fields).status_code == 204
    assert client.log_in("ada", "a new passphrase").status_code == 200


def test_a_made_up_forwarded_address_does_not_help(client: Client, token: str) -> None:
    answers = [
        client.log_in("ada", WRONG, headers={"X-Forwarded-For": f"203.0.113.{n}"})
        for n in range(11)
    ]
    assert answers[-1].status_code == 429


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("203.0.113.1", "203.0.113.2", False),
        ("1.2.3.4, 203.0.113.1", "5.6.7.8, 203.0.113.1", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("203.0.113.1:1234", "[::ffff:203.0.113.1]", True),
        ("203.0.113.1", "203.0.113.1, 10.0.0.7", True),
    ],
)
def test_a_listed_proxy_says_who_it_is(
    client: Client,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
    together: bool,
) -> None:
    proxies = (ip_network("127.0.0.9"), ip_network("10.0.0.0/8"))
    monkeypatch.setattr(config, "trusted_proxies", proxies)

    def attempt(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return client.log_in("ada", WRONG, ip="127.0.0.9", headers=headers).status_code

    assert [attempt(first) for _ in range(10)] == [401] * 10
    assert attempt(second) == (429 if together else 401)
