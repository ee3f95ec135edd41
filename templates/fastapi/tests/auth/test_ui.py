# fastman: file ui
"""The page, and the cookie that it signs people in with."""

import httpx
import pytest

from .authenticator import Passkey
from .conftest import ADA, Client

FROM_HERE = {"Origin": "https://app.example.com"}


def keep(client: Client, token: str, **headers: str) -> httpx.Response:
    return client.send_as(token, "keep_signed_in", headers=headers)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("ui", "text/html"),
        ("static/passkey.js", "text/javascript"),
        ("static/ui.js", "text/javascript"),
        ("static/ui.css", "text/css"),
    ],
)
def test_its_files_are_served(client: Client, path: str, media_type: str) -> None:
    base = client.app.url_path_for("me").removesuffix("me")
    answer = client.send(base + path, method="GET")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content
    assert client.send(base + path, method="HEAD").status_code == 200


def test_the_page_runs_nothing_but_its_own_files(client: Client) -> None:
    answer = client.send("page", method="GET")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


def test_a_cookie_takes_the_place_of_tokens(
    client: Client, tokens: dict[str, str]
) -> None:
    answer = keep(client, tokens["access_token"], **FROM_HERE)
    assert answer.status_code == 204
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    headers = {"Cookie": cookie.partition(";")[0]}
    assert client.send("me", headers=headers).json()["email"] == ADA
    assert client.refresh(tokens["refresh_token"]).status_code == 401


def test_a_passkey_is_added_by_cookie_without_tokens(
    client: Client, token: str
) -> None:
    kept = keep(client, token, **FROM_HERE)
    cookie = {"Cookie": kept.headers["Set-Cookie"].partition(";")[0]}
    options = client.send(
        "passkey_register_options", json={"email": ADA}, headers=cookie | FROM_HERE
    ).json()
    body = {"email": ADA, "credential": Passkey().create(options)}
    answer = client.send("passkey_register", json=body, headers=cookie)
    assert answer.status_code == 403
    answer = client.send("passkey_register", json=body, headers=cookie | FROM_HERE)
    assert answer.status_code == 201
    assert set(answer.json()) == {"status", "credential_id"}


def test_the_cookie_before_it_ends(client: Client) -> None:
    first, second = (client.enter(ADA)["access_token"] for _ in range(2))
    cookie = keep(client, first, **FROM_HERE).headers["Set-Cookie"].partition(";")[0]
    assert keep(client, second, Cookie=cookie, **FROM_HERE).status_code == 204
    assert client.me(first).status_code == 401
    assert client.me(second).status_code == 200


def test_another_site_gets_no_cookie(client: Client, token: str) -> None:
    for headers in ({}, {"Origin": "https://evil.example"}):
        answer = keep(client, token, **headers)
        assert answer.status_code == 403
        assert answer.json() == {"detail": "Cross-site request refused"}
    assert client.send("keep_signed_in", headers=FROM_HERE).status_code == 401
