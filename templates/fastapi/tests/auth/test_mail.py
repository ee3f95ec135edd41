# fastman: file jwt or oauth or passkey
"""Mails: where they go, and what cannot get into them."""

import logging
from pathlib import Path

import pytest

from app.features.auth import mail
from app.features.auth.background import background
from app.features.auth.config import config
from app.features.auth.events import log_event

from .conftest import Client, Mailbox


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtps://mail.example.com", 465, "tls"),
        ("smtp://mail.example.com", 587, "starttls"),
        ("smtp://mail.example.com:25?tls=none", 25, "none"),
        ("smtp://127.0.0.1:1025", 1025, "opportunistic"),
    ],
)
def test_production_hides_mails_on_their_way(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int, security: str
) -> None:
    monkeypatch.setattr(config, "production", True)
    server = mail._load(url).server
    assert server
    assert (server.port, server.security) == (port, security)


def test_the_user_of_a_mail_server_may_be_any_text() -> None:
    server = mail._load("smtp://app%40example.com:p%2Fw@127.0.0.1").server
    assert server
    assert (server.user, server.password) == ("app@example.com", "p/w")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://h:port",
        "file:",
        "smtp://user:p/w@host",
        "smtp://host?from=a%0Ab@example.com",
    ],
)
def test_what_is_no_address_for_mail_is_refused(url: str) -> None:
    with pytest.raises(RuntimeError, match="AUTH_MAIL_URL") as refusal:
        mail._load(url)
    assert "p/w" not in str(refusal.value)


def test_a_mail_in_a_directory_is_for_nobody_else(
    client: Client, token: str, mailbox: Mailbox
) -> None:
    client.send_as(token, "request_verification")
    (message,) = mailbox
    (path,) = mailbox.directory.glob("*.eml")
    assert path.stat().st_mode & 0o777 == 0o600
    assert message["To"] == "ada@example.com"
    links = [line for line in message.get_content().splitlines() if "://" in line]
    assert [link.partition("#")[0].startswith("https://") for link in links] == [True]
    assert links[0].endswith(f"={mailbox.newest_token()}")


def test_a_mail_server_that_is_down_fails_no_request(
    client: Client,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobody = mail.Server("127.0.0.1", 1, "none", "", "")
    to_nobody = mail.MailConfig("app@example.com", server=nobody)
    monkeypatch.setattr(mail, "_config", to_nobody)
    monkeypatch.setattr(mail, "_PAUSES", ())
    with caplog.at_level(logging.ERROR):
        assert client.send_as(token, "request_verification").status_code == 202
        background.drain(5)
    assert [record.message for record in caplog.records] == [
        'auth.mail.failed error="ConnectionRefusedError"'
    ]


def test_nothing_secret_is_logged(
    client: Client, token: str, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="app.features.auth"):
        client.send_as(token, "request_verification")
        secret = mailbox.newest_token()
    assert "ada@example.com" not in caplog.text
    assert secret not in caplog.text


def test_line_breaks_cannot_forge_a_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        log_event("auth.login.failed", ip="::1\r\nauth.login.ok user_id=1")
    assert not {"\r", "\n"} & set(caplog.messages[0])


def test_a_relative_directory_starts_at_the_project_root() -> None:
    directory = mail._load("file:mails").directory
    assert directory == Path(mail._PROJECT_ROOT) / "mails"
