# fastman: file jwt or oauth or passkey
"""The list of a user's sessions, and how they are ended."""

from typing import Annotated

import pytest
from fastapi import Depends
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.features.auth.clock import utc_now
from app.features.auth.dependencies import (
    get_token_claims,
    require_recent_login,
    require_superuser,
    require_verified_user,
)
from app.features.auth.models import AuthSession, User
from app.features.auth.security import TokenClaims

from .conftest import ADA, Client, Mailbox


def test_logout_ends_the_session_behind_the_token(client: Client, token: str) -> None:
    assert client.send_as(token, "logout").status_code == 204
    assert client.me(token).status_code == 401
    assert client.send_as(token, "logout").status_code == 401


def test_the_list_tells_which_one_is_asking(client: Client, token: str) -> None:
    client.enter(ADA, user_agent="another browser")
    answer = client.send_as(token, "sessions", method="GET")
    assert answer.status_code == 200
    newest, oldest = answer.json()
    assert (newest["current"], oldest["current"]) == (False, True)
    assert newest["user_agent"] == "another browser"
    assert (newest["method"], newest["ip"]) == ("test", "127.0.0.1")


def test_one_other_session_is_ended(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    other = client.enter(ADA)["access_token"]
    listed = client.send_as(token, "sessions", method="GET").json()
    path = {"session_id": listed[0]["id"]}
    answer = client.send_as(token, "end_session", method="DELETE", path=path)
    assert answer.status_code == 204
    assert client.me(other).status_code == 401
    assert client.me(token).status_code == 200
    assert mailbox.subjects() == ["a session was ended"]


@pytest.mark.parametrize("session_id", ["", "x", "A" * 22, "A" * 21 + "%00"])
def test_a_session_that_is_not_there_is_404(
    client: Client, token: str, session_id: str
) -> None:
    path = {"session_id": session_id}
    answer = client.send_as(token, "end_session", method="DELETE", path=path)
    assert answer.status_code == 404


def test_the_session_of_another_user_is_404(client: Client, token: str) -> None:
    eve = client.enter("eve@example.com")["access_token"]
    listed = client.send_as(token, "sessions", method="GET").json()
    path = {"session_id": listed[0]["id"]}
    answer = client.send_as(eve, "end_session", method="DELETE", path=path)
    assert answer.status_code == 404
    assert client.me(token).status_code == 200


def test_all_other_sessions_are_ended(client: Client, token: str) -> None:
    others = [client.enter(ADA)["access_token"] for _ in range(2)]
    answer = client.send_as(token, "end_other_sessions", method="DELETE")
    assert answer.status_code == 204
    assert [client.me(other).status_code for other in others] == [401, 401]
    assert client.me(token).status_code == 200


def test_routes_can_ask_for_more_than_a_user(
    client: Client, token: str, db: Session
) -> None:
    @client.app.get("/verified", dependencies=[Depends(require_verified_user)])
    @client.app.get("/super", dependencies=[Depends(require_superuser)])
    @client.app.get("/recent", dependencies=[Depends(require_recent_login)])
    def protected() -> None: ...

    def answers() -> list[int]:
        paths = ("/verified", "/super", "/recent")
        return [client.send_as(token, path, method="GET").status_code for path in paths]

    assert answers() == [403, 403, 200]
    db.execute(update(User).values(is_superuser=True, email_verified_at=utc_now()))
    db.execute(update(AuthSession).values(authenticated_at=utc_now(-601)))
    db.commit()
    assert answers() == [200, 200, 403]


def test_claims_need_no_database(client: Client, token: str, db: Session) -> None:
    @client.app.get("/claims")
    def claimed(
        claims: Annotated[TokenClaims, Depends(get_token_claims)],
    ) -> dict[str, int]:
        return {"user_id": claims.user_id}

    db.execute(update(User).values(is_active=False))
    db.commit()
    assert client.send_as(token, "/claims", method="GET").json() == {"user_id": 1}
