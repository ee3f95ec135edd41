# fastman: file jwt
"""The password of an account: changed, set for the first time, forgotten."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.models import AuthSession, AuthToken, User

from .conftest import PASSWORD, Client, Mailbox

NEW = "another long passphrase"


def change(client: Client, token: str, current: str = PASSWORD, new: str = NEW) -> int:
    fields = {"current_password": current, "new_password": new}
    return client.send_as(token, "change_password", json=fields).status_code


def forget(client: Client, email: str = "ada@example.com") -> None:
    answer = client.send("forgot_password", json={"email": email})
    assert (answer.status_code, answer.json()) == (202, {})


def reset(client: Client, token: str, new: str = NEW) -> int:
    fields = {"token": token, "new_password": new}
    return client.send("reset_password", json=fields).status_code


def test_a_change_keeps_this_session_only(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    other = client.log_in("ada").json()["access_token"]
    assert change(client, token) == 204
    assert client.me(token).status_code == 200
    assert client.me(other).status_code == 401
    assert client.log_in("ada").status_code == 401
    assert client.log_in("ada", NEW).status_code == 200
    assert mailbox.subjects() == ["your password was changed"]


def test_a_change_needs_the_current_password(client: Client, token: str) -> None:
    assert change(client, token, current="not the password") == 400
    assert change(client, token, new="short") == 422
    assert change(client, token, new="ada@example.com") == 422
    assert client.log_in("ada").status_code == 200


def test_a_first_password_needs_a_recent_sign_in(
    client: Client, token: str, db: Session
) -> None:
    def set_password() -> int:
        fields = {"new_password": NEW}
        return client.send_as(token, "set_password", json=fields).status_code

    assert set_password() == 409
    db.execute(update(User).values(hashed_password=None))
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    assert set_password() == 403
    db.execute(update(AuthSession).values(authenticated_at=utc_now()))
    db.commit()
    assert set_password() == 204
    assert set_password() == 409
    assert client.log_in("ada", NEW).status_code == 200


def test_a_reset_ends_all_sessions_and_verifies_the_address(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    forget(client)
    link = mailbox.newest_token()
    assert reset(client, link, new="short") == 422
    assert reset(client, link) == 204
    assert reset(client, link) == 400
    assert client.me(token).status_code == 401
    signed_in = client.log_in("ada", NEW).json()["access_token"]
    assert client.me(signed_in).json()["is_verified"] is True
    assert mailbox.subjects() == ["choose a new password", "your password was reset"]


def test_of_ten_resets_at_once_one_succeeds(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    forget(client)
    fields = {"token": mailbox.newest_token(), "new_password": NEW}
    calls = [("reset_password", {"json": fields}) for _ in range(10)]
    answers = [answer.status_code for answer in client.send_all(calls)]
    assert sorted(answers) == [204] + [400] * 9


def test_a_link_is_stored_as_its_hash_and_replaced_by_the_next(
    client: Client, token: str, mailbox: Mailbox, db: Session
) -> None:
    forget(client)
    first = mailbox.newest_token()
    stored = db.scalars(select(AuthToken)).one()
    assert first not in (stored.token_hash, stored.email_key)
    forget(client)
    assert reset(client, first) == 400
    assert reset(client, mailbox.newest_token()) == 204


def test_a_late_link_is_refused(
    client: Client, token: str, mailbox: Mailbox, db: Session
) -> None:
    forget(client)
    link = mailbox.newest_token()
    db.execute(update(AuthToken).values(expires_at=utc_now(-1)))
    db.commit()
    assert reset(client, link) == 400


@pytest.mark.parametrize(
    "changes",
    [{"is_active": False}, {"hashed_password": None}, {"email_key": "other"}],
    ids=str,
)
def test_who_has_no_password_gets_no_link(
    client: Client,
    token: str,
    mailbox: Mailbox,
    db: Session,
    changes: dict[str, object],
) -> None:
    db.execute(update(User).values(**changes))
    db.commit()
    forget(client)
    assert mailbox.subjects() == []
