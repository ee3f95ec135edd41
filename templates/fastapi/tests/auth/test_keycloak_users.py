# fastman: file keycloak and jwt or oauth or passkey
"""Whose user a token of Keycloak opens, beside the app's own sign-in."""

import time
from typing import Any

import httpx
import pytest
from fastapi import Depends
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import keycloak_tokens
from app.core.keycloak import require_roles
from app.features.auth.background import background
from app.features.auth.clock import utc_now
from app.features.auth.models import OAuthAccount, User

from .conftest import ADA, Client, Mailbox
from .keycloak_realm import ISSUER, Keycloak


@pytest.fixture
def keycloak(monkeypatch: pytest.MonkeyPatch) -> Keycloak:
    keycloak = Keycloak()
    monkeypatch.setattr(keycloak_tokens, "realm", keycloak.realm)
    return keycloak


def link(client: Client, token: str, given: str) -> httpx.Response:
    return client.send_as(token, "link_keycloak_account", json={"token": given})


def test_the_first_request_makes_the_user(
    client: Client, keycloak: Keycloak, db: Session
) -> None:
    me = client.me(keycloak.sign()).json()
    assert me["email"] == ADA
    assert me["is_verified"]
    assert (me["name"], me["username"], me["oauth_provider"]) == (
        "Ada",
        None,
        "keycloak",
    )
    assert me["roles"] == ["admin", "editor", "staff"]
    assert client.me(keycloak.sign()).json()["id"] == me["id"]
    account = db.scalars(select(OAuthAccount)).one()
    assert (account.provider, account.subject) == (ISSUER, "f3a1")


def test_twenty_first_requests_make_one_user(
    client: Client, keycloak: Keycloak, db: Session
) -> None:
    headers = {"Authorization": f"Bearer {keycloak.sign()}"}
    answers = client.send_all([("me", {"headers": headers}) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {200}
    assert db.scalar(select(func.count()).select_from(User)) == 1
    assert keycloak.calls == 1


@pytest.mark.parametrize("email", [None, "", "no address", 7])
def test_nobody_comes_without_an_address(
    client: Client, keycloak: Keycloak, email: object
) -> None:
    answer = client.me(keycloak.sign(email=email))
    assert answer.status_code == 403
    assert answer.json() == {"detail": "Keycloak has no e-mail address of yours"}


def test_an_address_that_is_taken_wants_a_link(
    client: Client, keycloak: Keycloak, tokens: dict[str, str], db: Session
) -> None:
    db.execute(update(User).values(email_verified_at=utc_now()))
    db.commit()
    answer = client.me(keycloak.sign())
    assert answer.status_code == 409
    assert "sign in first, then link" in answer.json()["detail"]
    assert link(client, tokens["access_token"], keycloak.sign()).status_code == 204
    assert link(client, tokens["access_token"], keycloak.sign()).status_code == 204
    assert client.me(keycloak.sign()).json()["email"] == ADA
    own = client.me(tokens["access_token"]).json()
    assert own["roles"] == []


def test_an_address_proved_by_keycloak_is_taken_over(
    client: Client, keycloak: Keycloak, tokens: dict[str, str], mailbox: Mailbox
) -> None:
    assert client.me(keycloak.sign(email_verified="true")).status_code == 409
    assert client.me(keycloak.sign()).json()["is_verified"]
    assert client.me(tokens["access_token"]).status_code == 401
    assert mailbox.subjects() == ["your address was confirmed"]


def test_a_link_needs_a_good_token_and_a_free_account(
    client: Client, keycloak: Keycloak, tokens: dict[str, str]
) -> None:
    token = tokens["access_token"]
    answer = link(client, token, keycloak.sign(aud="another"))
    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid token"})
    other = keycloak.sign(sub="other", email="grace@example.com")
    client.me(other)
    answer = link(client, token, other)
    assert answer.status_code == 409
    assert answer.json() == {"detail": "This identity belongs to another account"}


def test_the_last_way_in_stays(
    client: Client, keycloak: Keycloak, tokens: dict[str, str]
) -> None:
    token = keycloak.sign(email="grace@example.com", auth_time=_now())
    client.me(token)
    assert [p["provider"] for p in _providers(client, token)] == ["keycloak"]
    answer = client.send_as(
        token, "unlink", method="DELETE", path={"provider": "keycloak"}
    )
    assert answer.status_code == 409
    old = keycloak.sign(email="grace@example.com", auth_time=_now() - 700)
    answer = client.send_as(
        old, "unlink", method="DELETE", path={"provider": "keycloak"}
    )
    assert (answer.status_code, answer.json()) == (403, {"detail": "reauth_required"})


def _now() -> int:
    return int(time.time())


def _providers(client: Client, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.send_as(
        token, "providers", method="GET"
    ).json()
    return found


def test_a_disabled_user_stays_out(
    client: Client, keycloak: Keycloak, db: Session
) -> None:
    client.me(keycloak.sign())
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert client.me(keycloak.sign()).status_code == 401


def test_each_kind_of_token_is_held_to_its_own_rules(
    client: Client, keycloak: Keycloak, tokens: dict[str, str]
) -> None:
    header, _, signature = tokens["access_token"].split(".")
    _, payload, _ = keycloak.sign().split(".")
    assert client.me(f"{header}.{payload}.{signature}").status_code == 401
    ours = keycloak.sign(iss="fastman:app", aud="fastman:app")
    assert client.me(ours).status_code == 401


def test_roles_are_of_the_token(
    client: Client, keycloak: Keycloak, tokens: dict[str, str]
) -> None:
    @client.app.get("/for-staff", dependencies=[Depends(require_roles("staff"))])
    async def for_staff() -> str:
        return "for staff"

    def ask(token: str) -> int:
        return client.send_as(token, "/for-staff", method="GET").status_code

    person: dict[str, Any] = {"email": "grace@example.com", "sub": "grace"}
    assert ask(keycloak.sign(**person)) == 200
    assert ask(keycloak.sign(**person, realm_access={})) == 403
    assert ask(tokens["access_token"]) == 403
    assert ask("garbage") == 401


def test_a_logout_leaves_keycloaks_session(client: Client, keycloak: Keycloak) -> None:
    token = keycloak.sign()
    client.me(token)
    assert client.send_as(token, "logout").status_code == 204
    assert client.me(token).status_code == 200
    assert client.send_as(token, "sessions", method="GET").json() == []


def test_use_is_noted_at_most_every_five_minutes(
    client: Client, keycloak: Keycloak, db: Session
) -> None:
    client.me(keycloak.sign())
    first = db.scalars(select(OAuthAccount.last_used_at)).one()
    client.me(keycloak.sign(name="Another"))
    background.drain(5)
    assert db.scalars(select(OAuthAccount.last_used_at)).one() == first
    db.execute(update(OAuthAccount).values(last_used_at=utc_now(-301)))
    db.commit()
    client.me(keycloak.sign(name="Another"))
    background.drain(5)
    assert db.scalars(select(User.name)).one() == "Another"
