# fastman: file jwt
"""How malformed requests are answered."""

import pytest

from .conftest import PASSWORD, Client

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"email":"a@example.com","email":"b@example.com","password":"x"}',
        b'{"email":"a@example.com","password":NaN}',
        b'{"email":"a@example.com","password":"\\ud800 and more"}',
        b'{"email":"a@example.com","password":"\xff and more"}',
        '{"email":"a@example.com"}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"n":' + b"9" * 5000 + b"}",
        b'{"EMAIL":"a@example.com","Password":"correct horse battery"}',
    ],
)
@pytest.mark.parametrize("endpoint", ["register", "login"])
def test_json_that_is_not_clear_is_refused(
    client: Client, endpoint: str, body: bytes
) -> None:
    answer = client.send(endpoint, content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.headers["Cache-Control"] == "no-store"
    for problem in answer.json()["detail"]:
        assert set(problem) == {"loc", "type", "msg"}


def test_a_large_body_is_refused(client: Client) -> None:
    answer = client.register("ada@example.com", name="x" * 70_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "a"])
def test_a_body_of_another_kind_is_refused(client: Client, content_type: str) -> None:
    body = f'{{"username":"ada","password":"{PASSWORD}"}}'.encode()
    headers = {"Content-Type": content_type}
    assert client.send("login", content=body, headers=headers).status_code == 422


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=b; charset=idna",
    ],
)
def test_a_broken_multipart_body_is_refused(client: Client, content_type: str) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\r\n--b--'
    )
    headers = {"Content-Type": content_type}
    assert client.send("login", content=body, headers=headers).status_code == 422


def test_other_methods_are_refused(client: Client) -> None:
    answer = client.send("register", method="GET")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.headers["Cache-Control"] == "no-store"
