# fastman: file keycloak
"""Which tokens of Keycloak count, and with which keys: no others, and none for long."""

import base64
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from jwcrypto import jwk  # type: ignore[import-untyped]

from app.core import keycloak_events
from app.core.keycloak_keys import Key, KeysUnavailable
from app.core.keycloak_tokens import InvalidKeycloakToken, KeycloakUser

from .keycloak_realm import CLIENT, Keycloak, new_key


@pytest.fixture
def keycloak() -> Keycloak:
    return Keycloak()


def read(keycloak: Keycloak, token: str) -> KeycloakUser:
    return anyio.run(keycloak.realm.read_token, token)


def find(keycloak: Keycloak, kid: str) -> Key | None:
    return anyio.run(keycloak.realm.keys.find, kid)


def test_a_token_of_the_realm_names_its_user(keycloak: Keycloak) -> None:
    user = read(keycloak, keycloak.sign())
    assert (user.id, user.email, user.username) == ("f3a1", "ada@example.com", "ada")
    assert user.roles == ["admin", "editor", "staff"]
    assert read(keycloak, keycloak.sign(aud=CLIENT)).id == "f3a1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://id.example.com/realms/others"},
        {"aud": "account"},
        {"aud": None},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": None},
        {"exp": int(time.time()) - 5},
        {"exp": None},
        {"exp": "9999999999"},
        {"nbf": int(time.time()) + 300},
        {"iat": int(time.time()) + 300},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": 7},
        {"header": {"kid": "2"}},
        {"header": {"kid": None}},
        {"header": {"crit": ["b64"], "b64": True}},
        {"header": {"alg": "RS512"}},
        {"key": new_key("1")},
        {"junk": "x" * 16_384},
    ],
)
def test_any_other_token_is_refused(
    keycloak: Keycloak, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidKeycloakToken):
        read(keycloak, keycloak.sign(**changes))


def encode(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def forge_none(keycloak: Keycloak) -> str:
    _, payload, signature = keycloak.sign().split(".")
    return f"{encode({'alg': 'none', 'kid': '1'})}.{payload}.{signature}"


def forge_hs256(keycloak: Keycloak) -> str:
    public = keycloak.key.export_to_pem()
    secret = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(public).decode(), kid="1")
    return keycloak.sign(key=secret, header={"alg": "HS256"})


def forge_payload(keycloak: Keycloak) -> str:
    header, payload, signature = keycloak.sign().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{encode(claims | {'sub': 'another'})}.{signature}"


def forge_signature(keycloak: Keycloak) -> str:
    token = keycloak.sign()
    return token[:-1] + ("A" if token[-1] != "A" else "Q")


def forge_nothing(_: Keycloak) -> str:
    return "garbage"


@pytest.mark.parametrize(
    "forge", [forge_none, forge_hs256, forge_payload, forge_signature, forge_nothing]
)
def test_a_forged_token_is_refused(
    keycloak: Keycloak, forge: Callable[[Keycloak], str]
) -> None:
    token = forge(keycloak)
    with pytest.raises(InvalidKeycloakToken):
        read(keycloak, token)


def test_a_key_is_of_one_kind_and_for_signing(keycloak: Keycloak) -> None:
    signing, elliptic = new_key("1", alg="PS256"), new_key("2", kty="EC", crv="P-256")
    encrypting = new_key("3")
    keycloak.key, keycloak.keys = signing, [signing, elliptic, encrypting]
    keycloak.uses = {"3": "enc"}
    with pytest.raises(InvalidKeycloakToken):
        read(keycloak, keycloak.sign())
    assert read(keycloak, keycloak.sign(header={"alg": "PS256"})).id == "f3a1"
    assert read(keycloak, keycloak.sign(key=elliptic, header={"alg": "ES256"}))
    with pytest.raises(InvalidKeycloakToken):
        read(keycloak, keycloak.sign(key=encrypting))


@pytest.mark.parametrize(
    "access",
    [None, [], "admin", {"roles": "admin"}, {"roles": ["admin", 1]}, {"roles": {}}],
)
def test_malformed_roles_are_none(keycloak: Keycloak, access: object) -> None:
    user = read(keycloak, keycloak.sign(realm_access=access, resource_access=access))
    assert user.roles == []
    assert not user.has_roles("admin")
    assert not user.has_roles("admin", client=CLIENT)


def test_roles_are_of_the_realm_or_of_a_client(keycloak: Keycloak) -> None:
    user = read(keycloak, keycloak.sign())
    assert user.has_roles("admin", "staff")
    assert not user.has_roles("admin", "editor")
    assert user.has_roles("editor", client=CLIENT)
    assert not user.has_roles("staff", client=CLIENT)
    assert not user.has_roles("editor", client="another")


def test_no_request_asks_keycloak_while_the_keys_are_young(keycloak: Keycloak) -> None:
    for _ in range(3):
        read(keycloak, keycloak.sign())
        keycloak.now += 60
    assert keycloak.calls == 1


def test_a_removed_key_is_refused_within_five_minutes(keycloak: Keycloak) -> None:
    token = keycloak.sign()
    read(keycloak, token)
    keycloak.rotate("2")
    keycloak.now += 299
    with pytest.raises(InvalidKeycloakToken):
        anyio.run(_twice, keycloak, token)  # the first one has the keys renewed
    keycloak.is_down = True
    keycloak.now += 300
    with pytest.raises(KeysUnavailable):
        read(keycloak, keycloak.sign())


async def _twice(keycloak: Keycloak, token: str) -> None:
    await keycloak.realm.read_token(token)
    await anyio.sleep(0)
    await anyio.sleep(0)
    await keycloak.realm.read_token(token)


def test_old_keys_are_never_used(keycloak: Keycloak) -> None:
    token = keycloak.sign(exp=int(time.time()) + 3600)
    read(keycloak, token)
    keycloak.is_down = True
    keycloak.now += 299
    assert read(keycloak, token).id == "f3a1"
    keycloak.now += 1
    with pytest.raises(KeysUnavailable):
        read(keycloak, token)


def test_the_first_token_of_a_new_key_is_taken(keycloak: Keycloak) -> None:
    read(keycloak, keycloak.sign())
    keycloak.rotate("2")
    assert read(keycloak, keycloak.sign()).id == "f3a1"
    assert keycloak.calls == 2


def test_a_flood_of_unknown_keys_is_one_call_in_ten_seconds(
    keycloak: Keycloak,
) -> None:
    find(keycloak, "1")
    for number in range(100):
        assert find(keycloak, f"made up {number}") is None
    assert keycloak.calls == 2
    keycloak.now += 10
    assert find(keycloak, "made up") is None
    assert keycloak.calls == 3


def test_twenty_at_once_are_one_call(keycloak: Keycloak) -> None:
    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(keycloak.realm.keys.find, "1")

    anyio.run(all_at_once)
    assert keycloak.calls == 1
    keycloak.rotate("2")
    anyio.run(partial(_find_at_once, keycloak, "2"))
    assert keycloak.calls == 2


async def _find_at_once(keycloak: Keycloak, kid: str) -> None:
    async def find_it() -> None:
        assert await keycloak.realm.keys.find(kid) is not None

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(find_it)


def test_it_recovers_by_itself(
    keycloak: Keycloak, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keycloak.is_down = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            read(keycloak, keycloak.sign())
    assert keycloak.calls == 1  # a server that is down is left alone for a second
    keycloak.is_down = False
    keycloak.now += 1
    assert read(keycloak, keycloak.sign()).id == "f3a1"
    told = [record.getMessage().split()[0] for record in caplog.records]
    assert told == ["auth.keycloak.unavailable", "auth.keycloak.available"]


def test_the_log_says_why_once_and_holds_no_token(
    keycloak: Keycloak,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keycloak_events, "_last_lines", {})
    token = keycloak.sign(aud="an\nother")
    for _ in range(5):
        with pytest.raises(InvalidKeycloakToken):
            read(keycloak, token)
    (line,) = [record.getMessage() for record in caplog.records]
    assert 'reason="audience" aud="an\\nother" expected="shop"' in line
    assert "Included Client Audience" in line
    assert token not in line
