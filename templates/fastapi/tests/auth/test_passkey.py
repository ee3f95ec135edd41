# fastman: file passkey
"""Signing up and in with a passkey, and adding one to an account."""

import time

import jwt
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.config import config
from app.features.auth.models import (
    AuthChallenge,
    AuthSession,
    PasskeyCredential,
    User,
)
from app.features.auth.passkey_config import passkey_config

from .authenticator import (
    ELIGIBLE,
    HONEST,
    Passkey,
    creation_options,
    finish,
    present,
    register,
    request_options,
    sign_in,
)
from .conftest import ADA, Client, Mailbox

EVE = "eve@example.com"


def count(db: Session, table: type[User] | type[PasskeyCredential]) -> int | None:
    return db.scalar(select(func.count()).select_from(table))


def test_a_passkey_makes_an_account_and_opens_it(client: Client, db: Session) -> None:
    passkey = Passkey()
    answer = register(client, ADA, passkey, device_name=" My phone ")
    assert answer.status_code == 201
    assert answer.json()["status"] == "ok"
    assert client.me(answer.json()["access_token"]).json()["email"] == ADA
    stored = db.scalars(select(PasskeyCredential)).one()
    assert stored.id == answer.json()["credential_id"]
    assert (stored.device_name, stored.transports) == (
        "My phone",
        '["internal","hybrid"]',
    )
    answer = sign_in(client, passkey)
    assert answer.status_code == 200
    me = client.send_as(answer.json()["access_token"], "passkey_me", method="GET")
    assert me.json()["is_verified"] is False


def test_a_session_lasts_as_the_settings_say(client: Client) -> None:
    passkey = Passkey()
    tokens = register(client, ADA, passkey).json()
    for _ in range(2):
        assert tokens["expires_in"] == passkey_config.session_seconds
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        left = claims["exp"] - time.time()
        assert abs(left - passkey_config.session_seconds) < 60
        tokens = client.refresh(tokens["refresh_token"]).json()


def test_options_ask_for_a_passkey_with_a_person(client: Client) -> None:
    options = creation_options(client, ADA)
    assert options["rp"]["id"] == passkey_config.rp_id
    assert options["user"]["name"] == ADA
    assert [kind["alg"] for kind in options["pubKeyCredParams"]] == [-8, -7, -257]
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    options = request_options(client)
    assert (options["allowCredentials"], options["userVerification"]) == (
        [],
        "required",
    )


def test_nothing_but_the_challenge_is_stored_before_it_is_answered(
    client: Client, db: Session
) -> None:
    creation_options(client, ADA)
    assert (count(db, User), count(db, PasskeyCredential)) == (0, 0)
    assert db.scalars(select(AuthChallenge.purpose)).all() == ["passkey_register"]


def test_a_further_passkey_joins_the_account(
    client: Client, token: str, db: Session, mailbox: Mailbox
) -> None:
    first, second = Passkey(), Passkey()
    for passkey in (first, second):
        answer = register(client, ADA, passkey, token)
        assert answer.status_code == 201
        assert client.me(answer.json()["access_token"]).status_code == 200
    assert (count(db, User), count(db, PasskeyCredential)) == (1, 2)
    assert first.handle == second.handle
    options = creation_options(client, ADA, token)
    assert [known["transports"] for known in options["excludeCredentials"]] == [
        ["internal", "hybrid"]
    ] * 2
    assert {sign_in(client, key).status_code for key in (first, second)} == {200}
    assert mailbox.subjects().count("a passkey was added") == 2


def test_adding_one_needs_a_recent_sign_in(
    client: Client, token: str, db: Session
) -> None:
    options = creation_options(client, ADA, token)
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    answer = client.send_as(token, "passkey_register_options", json={"email": ADA})
    assert (answer.status_code, answer.json()) == (403, {"detail": "reauth_required"})
    answer = finish(client, ADA, Passkey().create(options), token)
    assert answer.status_code == 403


@pytest.mark.parametrize("signed_in", [False, True])
def test_nobody_enters_an_account_by_registering(
    client: Client, token: str, db: Session, mailbox: Mailbox, signed_in: bool
) -> None:
    stranger = client.enter(EVE)["access_token"] if signed_in else ""
    for _ in range(2):
        passkey = Passkey()
        answer = register(client, ADA, passkey, stranger)
        assert answer.status_code == 400
        assert answer.json() == {"detail": "Passkey could not be registered"}
        assert sign_in(client, passkey).status_code == 400
    assert count(db, PasskeyCredential) == 0
    assert mailbox.subjects() == ["somebody tried to add a passkey"]


def test_two_at_once_make_one_account(client: Client, db: Session) -> None:
    bodies = [
        {"email": ADA, "credential": Passkey().create(creation_options(client, ADA))}
        for _ in range(3)
    ]
    answers = client.send_all([("passkey_register", {"json": b}) for b in bodies])
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert (count(db, User), count(db, PasskeyCredential)) == (1, 1)


def test_a_synced_passkey_stays_one(client: Client, db: Session) -> None:
    passkey = Passkey()
    passkey.flags = HONEST | ELIGIBLE
    register(client, ADA, passkey)
    assert sign_in(client, passkey).status_code == 200
    passkey.flags = HONEST
    assert sign_in(client, passkey).status_code == 400


def test_any_attestation_is_read_as_none(client: Client) -> None:
    passkey = Passkey()
    passkey.format, passkey.statement = "packed", {"alg": -7, "sig": b"whatever"}
    assert register(client, ADA, passkey).status_code == 201
    assert sign_in(client, passkey).status_code == 200


def test_a_disabled_account_stays_closed(client: Client, db: Session) -> None:
    passkey = Passkey()
    register(client, ADA, passkey)
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert sign_in(client, passkey).status_code == 400


def test_a_username_of_somebody_else_is_taken(client: Client) -> None:
    def ask(email: str) -> int:
        body = {"email": email, "username": "Ada"}
        return client.send("passkey_register_options", json=body).status_code

    body = {"email": ADA, "username": "ada"}
    options = client.send("passkey_register_options", json=body).json()
    assert options["user"]["displayName"] == "ada"
    assert ask(EVE) == 200
    finish(client, ADA, Passkey().create(options))
    assert ask(EVE) == 409


def test_a_credential_serves_one_account(client: Client) -> None:
    passkey = Passkey()
    register(client, ADA, passkey)
    assert register(client, EVE, passkey).status_code == 400
    assert present(client, passkey.get(request_options(client))).status_code == 400
    passkey.handle = ""
    assert sign_in(client, passkey).status_code == 400


# fastman: if jwt
@pytest.mark.parametrize("reveals", [True, False])
def test_the_address_is_confirmed_as_after_any_sign_up(
    client: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, reveals: bool
) -> None:
    monkeypatch.setattr(config, "reveal_registered", reveals)
    token = register(client, ADA, Passkey()).json()["access_token"]
    assert mailbox.subjects() == ([] if reveals else ["confirm your e-mail address"])
    assert client.me(token).status_code == 200


# fastman: end
