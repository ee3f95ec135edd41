# fastman: file jwt or oauth or passkey
"""What a signed-in user can do, and what ends it."""

import time
from typing import Annotated, Any

import jwt
import pytest
from fastapi import Depends
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.features.auth import security
from app.features.auth.clock import utc_now
from app.features.auth.config import config
from app.features.auth.dependencies import get_current_user
from app.features.auth.models import AuthSession, User

from .conftest import Client


def forge(token: str, *, key: bytes | None = None, **changes: Any) -> str:
    """Sign the token's claims again, changed; a claim set to None is left out."""
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    key = key or security._signing_key
    return jwt.encode(claims, key, algorithm=header["alg"], headers=header)


def test_me_answers_the_user(client: Client, token: str) -> None:
    answer = client.me(token)
    assert answer.status_code == 200
    assert answer.json()["email"] == "ada@example.com"
    assert answer.headers["Cache-Control"] == "no-store"


def test_routes_of_the_app_get_the_user(client: Client, token: str) -> None:
    @client.app.get("/protected")
    def protected_route(
        user: Annotated[User, Depends(get_current_user)],
    ) -> dict[str, str]:
        return {"message": f"Hello, {user.email}"}

    headers = {"Authorization": f"Bearer {token}"}
    answer = client.send("protected_route", method="GET", headers=headers)
    assert answer.json() == {"message": "Hello, ada@example.com"}


def test_without_a_token_nobody_is_signed_in(client: Client) -> None:
    answer = client.send("me")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Not authenticated"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_deleted_session_ends_its_tokens(
    client: Client, token: str, db: Session
) -> None:
    db.execute(delete(AuthSession))
    db.commit()
    assert client.me(token).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": utc_now(-1)},
        {"created_at": utc_now(-config.session_max_seconds - 1)},
    ],
)
def test_a_session_ends_by_itself(
    client: Client, token: str, db: Session, changes: dict[str, Any]
) -> None:
    db.execute(update(AuthSession).values(changes))
    db.commit()
    assert client.me(token).status_code == 401


def test_a_disabled_account_is_signed_out(
    client: Client, token: str, db: Session
) -> None:
    db.execute(update(User).values(is_active=False))
    db.commit()
    assert client.me(token).status_code == 401


def test_the_session_of_one_user_does_not_serve_another(
    client: Client, token: str
) -> None:
    client.enter("eve@example.com")
    assert client.me(forge(token, sub="2")).status_code == 401


def test_a_token_signed_again_unchanged_is_accepted(client: Client, token: str) -> None:
    assert client.me(forge(token)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 1e10},
        {"exp": 10**20},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"iss": "another app"},
        {"aud": [config.issuer]},
        {"sub": "+1"},
        {"sub": "1 "},
        {"sub": "\u0661"},
        {"sub": str(2**63)},
        {"sid": 1},
        {"sid": "x" * 21 + "\x00"},
        {"sid": "x" * 21 + "\ud800"},
        *({name: None} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")),
    ],
    ids=str,
)
def test_a_token_with_other_claims_is_refused(
    client: Client, token: str, changes: dict[str, Any]
) -> None:
    assert client.me(forge(token, **changes)).status_code == 401


def test_only_the_derived_key_signs(client: Client, token: str) -> None:
    masked = security._derive("**********", "fastman/access/v1")
    for key in (config.secret_keys[0].encode(), masked):
        assert client.me(forge(token, key=key)).status_code == 401


def test_an_unsigned_token_is_refused(client: Client, token: str) -> None:
    claims = jwt.decode(token, options={"verify_signature": False})
    header = jwt.get_unverified_header(token) | {"alg": "none"}
    unsigned = jwt.encode(claims, "", algorithm="none", headers=header)
    assert client.me(unsigned).status_code == 401


@pytest.mark.parametrize("damage", ["", "x", "a.b", "a.b.c", "x" * 5000, "\u00e9.b.c"])
def test_a_damaged_token_is_refused(client: Client, damage: str) -> None:
    headers = {"Authorization": f"Bearer {damage}".encode()}
    assert client.send("me", headers=headers).status_code == 401


def test_sixty_four_requests_at_once_are_all_answered(
    client: Client, token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answers = client.send_all([("me", {"headers": headers}) for _ in range(64)])
    assert [answer.status_code for answer in answers] == [200] * 64
