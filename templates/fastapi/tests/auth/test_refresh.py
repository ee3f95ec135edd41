# fastman: file jwt or oauth or passkey
"""Refresh tokens: each is good once, and what happens when one comes back."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.features.auth import security
from app.features.auth.clock import utc_now
from app.features.auth.models import AuthSession, User

from .conftest import Client, Mailbox


def end_grace(db: Session) -> None:
    db.execute(update(AuthSession).values(refreshed_at=utc_now(-11)))
    db.commit()


def test_gives_new_tokens_of_the_same_session(
    client: Client, tokens: dict[str, str]
) -> None:
    answer = client.refresh(tokens["refresh_token"])
    assert answer.status_code == 200
    renewed = answer.json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert client.me(renewed["access_token"]).status_code == 200
    assert client.me(tokens["access_token"]).status_code == 200


def test_fifty_at_once_rotate_once(
    client: Client, tokens: dict[str, str], db: Session
) -> None:
    call = {"json": {"refresh_token": tokens["refresh_token"]}}
    answers = client.send_all([("refresh", dict(call)) for _ in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert db.scalar(select(AuthSession.refresh_counter)) == 1


def test_a_used_one_ends_the_session_after_the_grace(
    client: Client, tokens: dict[str, str], db: Session, mailbox: Mailbox
) -> None:
    newest = client.refresh(tokens["refresh_token"]).json()
    end_grace(db)
    assert client.refresh(tokens["refresh_token"]).status_code == 401
    assert client.refresh(newest["refresh_token"]).status_code == 401
    assert client.me(newest["access_token"]).status_code == 401
    assert mailbox.subjects() == ["a session was ended"]


def test_a_forged_one_changes_nothing(client: Client, tokens: dict[str, str]) -> None:
    signed, _, mac = tokens["refresh_token"].rpartition(".")
    session_id = signed.partition(".")[0]
    for forged in (
        f"{signed}.{'A' * len(mac)}",
        f"{session_id}.1.{mac}",
        f"{'A' * 22}.0.{mac}",
        tokens["access_token"],
        "",
    ):
        assert client.refresh(forged).status_code == 401
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_one_of_a_previous_key_is_renewed_under_the_current_one(
    client: Client, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [b"a new key of the tests, 32 bytes", *security._refresh_keys]
    monkeypatch.setattr(security, "_refresh_keys", keys)
    renewed = client.refresh(tokens["refresh_token"]).json()["refresh_token"]
    monkeypatch.setattr(security, "_refresh_keys", keys[:1])
    assert client.refresh(renewed).status_code == 200


def test_a_disabled_account_gets_none(
    client: Client, tokens: dict[str, str], db: Session
) -> None:
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert client.refresh(tokens["refresh_token"]).status_code == 401
