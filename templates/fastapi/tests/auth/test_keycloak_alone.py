# fastman: file keycloak only
"""Routes of an app whose users are all Keycloak's."""

import anyio
import httpx
import pytest
from fastapi import Depends, FastAPI

from app.core import keycloak_tokens
from app.core.keycloak import require_roles, setup_keycloak

from .keycloak_realm import CLIENT, Keycloak

app = FastAPI()
setup_keycloak(app)


@app.get("/for-editors", dependencies=[Depends(require_roles("editor", client=CLIENT))])
async def for_editors() -> str:
    return "for editors"


@pytest.fixture
def keycloak(monkeypatch: pytest.MonkeyPatch) -> Keycloak:
    keycloak = Keycloak()
    monkeypatch.setattr(keycloak_tokens, "realm", keycloak.realm)
    return keycloak


def get(path: str, token: str | None = None) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test"
        ) as http:
            return await http.get(path, headers=headers)

    return anyio.run(send)


def test_me_is_who_the_token_speaks_of(keycloak: Keycloak) -> None:
    answer = get("/auth/me", keycloak.sign())
    assert answer.json() == {
        "id": "f3a1",
        "email": "ada@example.com",
        "username": "ada",
        "name": "Ada",
        "roles": ["admin", "editor", "staff"],
    }
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_good_token_it_is_401(keycloak: Keycloak) -> None:
    for token, detail in [
        (None, "Not authenticated"),
        (keycloak.sign(aud="another"), "Could not validate credentials"),
    ]:
        answer = get("/auth/me", token)
        assert (answer.status_code, answer.json()) == (401, {"detail": detail})
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_missing_role_is_403(keycloak: Keycloak) -> None:
    assert get("/for-editors", keycloak.sign()).status_code == 200
    answer = get("/for-editors", keycloak.sign(resource_access={}))
    assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})


def test_without_keycloak_only_protected_routes_are_503(keycloak: Keycloak) -> None:
    keycloak.is_down = True
    answer = get("/auth/me", keycloak.sign())
    assert answer.status_code == 503
    assert answer.json() == {"detail": "Sign-in with Keycloak is not available"}
    assert answer.headers["retry-after"] == "10"
    assert get("/docs").status_code == 200


def test_without_settings_they_are_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycloak_tokens, "realm", None)
    answer = get("/auth/me")
    assert answer.status_code == 503
    assert answer.json() == {"detail": "Sign-in with Keycloak is not configured"}
