# fastman: file passkey
"""The passkeys of an account: shown, named, removed, and never the last way in."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.database import transaction
from app.features.auth.models import AuthSession, User
from app.features.auth.one_time import issue_one_time_token

from .authenticator import Passkey, register, sign_in
from .conftest import ADA, Client, Mailbox

EVE = "eve@example.com"
NOT_FOUND = {"detail": "Passkey not found"}


def own(client: Client, token: str) -> list[dict[str, object]]:
    answer = client.send_as(token, "passkeys", method="GET")
    assert answer.status_code == 200
    listed: list[dict[str, object]] = answer.json()
    return listed


def rename(client: Client, token: str, passkey_id: str, name: str) -> int:
    answer = client.send_as(
        token,
        "rename_passkey",
        method="PATCH",
        path={"passkey_id": passkey_id},
        json={"device_name": name},
    )
    return answer.status_code


def remove(client: Client, token: str, passkey_id: str) -> int:
    path = {"passkey_id": passkey_id}
    answer = client.send_as(token, "remove_passkey", method="DELETE", path=path)
    return answer.status_code


def test_passkeys_are_listed_and_named(client: Client) -> None:
    passkey = Passkey()
    made = register(client, ADA, passkey).json()
    token, passkey_id = made["access_token"], made["credential_id"]
    (listed,) = own(client, token)
    assert listed["device_name"] == "Passkey"
    assert listed["last_used_at"] is None
    assert listed["transports"] == ["internal", "hybrid"]
    assert rename(client, token, passkey_id, " The blue one ") == 200
    for name in ("", " ", "x" * 101, "a\u0007b"):
        assert rename(client, token, passkey_id, name) == 422
    sign_in(client, passkey)
    (listed,) = own(client, token)
    assert listed["device_name"] == "The blue one"
    assert listed["last_used_at"]


def test_anothers_passkey_is_not_there(client: Client) -> None:
    made = register(client, ADA, Passkey()).json()
    stranger = register(client, EVE, Passkey()).json()["access_token"]
    for passkey_id in (made["credential_id"], "nothing", "\u00e9"):
        assert rename(client, stranger, passkey_id, "mine") == 404
        assert remove(client, stranger, passkey_id) == 404
    assert len(own(client, made["access_token"])) == 1


def test_a_removed_passkey_opens_nothing(client: Client, mailbox: Mailbox) -> None:
    first, second = Passkey(), Passkey()
    made = register(client, ADA, first).json()
    token = made["access_token"]
    register(client, ADA, second, token)
    other = sign_in(client, second).json()["access_token"]
    assert remove(client, token, made["credential_id"]) == 204
    assert sign_in(client, first).status_code == 400
    assert client.me(token).status_code == 200
    assert client.me(other).status_code == 401
    assert mailbox.subjects().count("a passkey was removed") == 1


def test_removing_needs_a_recent_sign_in(client: Client, db: Session) -> None:
    made = register(client, ADA, Passkey()).json()
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    assert remove(client, made["access_token"], made["credential_id"]) == 403
    assert remove(client, made["access_token"], "another") == 404


def test_the_last_way_in_stays(client: Client) -> None:
    passkey = Passkey()
    made = register(client, ADA, passkey).json()
    assert remove(client, made["access_token"], made["credential_id"]) == 409
    assert sign_in(client, passkey).status_code == 200


def test_of_the_last_two_removed_at_once_one_stays(client: Client) -> None:
    made = register(client, ADA, Passkey()).json()
    token = made["access_token"]
    further = register(client, ADA, Passkey(), token).json()
    headers = {"Authorization": f"Bearer {token}"}
    answers = client.send_all(
        [
            (
                "remove_passkey",
                {
                    "method": "DELETE",
                    "path": {"passkey_id": passkey["credential_id"]},
                    "headers": headers,
                },
            )
            for passkey in (made, further)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert len(own(client, token)) == 1


def test_who_proves_the_address_ends_strangers_passkeys(
    client: Client, db: Session
) -> None:
    stranger = Passkey()
    register(client, ADA, stranger)
    token = client.enter(ADA)["access_token"]
    user = db.query(User).one()
    mailed = transaction(issue_one_time_token, user, purpose="verify")
    answer = client.send_as(token, "verify", json={"token": mailed})
    assert answer.status_code == 204
    assert sign_in(client, stranger).status_code == 400
    assert client.me(token).json()["is_verified"]


def test_who_opened_the_account_keeps_the_passkey(client: Client, db: Session) -> None:
    passkey = Passkey()
    token = register(client, ADA, passkey).json()["access_token"]
    mailed = transaction(issue_one_time_token, db.query(User).one(), purpose="verify")
    answer = client.send_as(token, "verify", json={"token": mailed})
    assert answer.status_code == 204
    assert sign_in(client, passkey).status_code == 200


# fastman: if jwt
def test_a_password_is_a_way_in_too(client: Client, tokens: dict[str, str]) -> None:
    made = register(client, ADA, Passkey(), tokens["access_token"]).json()
    assert remove(client, tokens["access_token"], made["credential_id"]) == 204


# fastman: end
