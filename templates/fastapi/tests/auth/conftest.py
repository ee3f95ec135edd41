# fastman: file jwt or oauth or passkey
"""Runs the auth router in an app of its own, on a scratch database."""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

# Read when the app's settings are imported, just below.
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(32))

import anyio
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from app.features.auth import clients, database, mail, oauth_calls, throttle
from app.features.auth.background import background
from app.features.auth.config import config
from app.features.auth.identity import identity_key
from app.features.auth.models import User
from app.features.auth.passkey_config import passkey_config
from app.features.auth.router import router
from app.features.auth.schemas import Token
from app.features.auth.sessions import issue_tokens, open_session

ADA = "ada@example.com"
# fastman: if jwt
PASSWORD = "correct horse battery staple"
# fastman: end


class Client:
    """Sends each request through a new connection to the app, in this process."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def send(self, endpoint: str, **options: Any) -> httpx.Response:
        return self.send_all([(endpoint, options)])[0]

    def send_all(self, calls: list[tuple[str, dict[str, Any]]]) -> list[httpx.Response]:
        """Send requests at once; answers come in the order of the calls."""
        answers: dict[int, httpx.Response] = {}

        async def run() -> None:
            async with anyio.create_task_group() as tasks:
                for number, call in enumerate(calls):
                    tasks.start_soon(send_one, number, *call)

        async def send_one(number: int, endpoint: str, options: dict[str, Any]) -> None:
            method = options.pop("method", "GET" if endpoint == "me" else "POST")
            path = endpoint
            if not path.startswith("/"):
                path = self.app.url_path_for(endpoint, **options.pop("path", {}))
            source = (options.pop("ip", "127.0.0.1"), 50_000)
            transport = httpx.ASGITransport(self.app, client=source)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://test"
            ) as http:
                answers[number] = await http.request(method, path, **options)

        anyio.run(run)
        return [answers[number] for number in range(len(calls))]

    def enter(self, email: str, *, user_agent: str = "a browser") -> dict[str, str]:
        """Open a session for the owner of an address, who is made if need be."""
        answer = database.transaction(_enter, email, user_agent)
        return answer.model_dump()

    # fastman: if jwt
    def register(self, email: str, **fields: Any) -> httpx.Response:
        fields = {"email": email, "password": PASSWORD, **fields}
        return self.send("register", json=fields)

    def log_in(
        self, username: str, password: str = PASSWORD, **options: Any
    ) -> httpx.Response:
        fields = {"username": username, "password": password}
        return self.send("login", data=fields, **options)

    # fastman: end
    def send_as(self, token: str, endpoint: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return self.send(endpoint, headers=headers, **options)

    def me(self, token: str) -> httpx.Response:
        return self.send_as(token, "me")

    def refresh(self, token: str) -> httpx.Response:
        return self.send("refresh", json={"refresh_token": token})


def _enter(db: Session, email: str, user_agent: str) -> Token:
    key = identity_key(email)
    user = db.scalar(select(User).where(User.email_key == key))
    if user is None:
        user = User(email=email, email_key=key)
        db.add(user)
        db.flush()
    client = clients.Client("127.0.0.1", user_agent, "127.0.0.1", "127.0.0.1")
    throttle.remember_address(db, user, client=client)
    return issue_tokens(open_session(db, user, method="test", client=client))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    scratch = create_engine(f"sqlite:///{tmp_path / 'auth.db'}")
    database.tune_sqlite(scratch)
    tables = [
        table
        for table in User.metadata.sorted_tables
        if table.name == User.__tablename__ or table.name.startswith("auth_")
    ]
    # fastman: if oauth or keycloak
    tables.append(User.metadata.tables["oauth_accounts"])
    # fastman: end
    # fastman: if passkey
    tables.append(User.metadata.tables["passkey_credentials"])
    # fastman: end
    User.metadata.create_all(scratch, tables=tables)
    yield scratch
    scratch.dispose()


class Mailbox:
    """Mails that the app has written to a directory instead of sending them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __iter__(self) -> Iterator[EmailMessage]:
        background.drain(5)
        for path in sorted(self.directory.glob("*.eml")):
            yield message_from_bytes(path.read_bytes(), policy=default)

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]).partition(": ")[2] for mail in self]

    def newest_token(self) -> str:
        *_, newest = self
        found = re.search(r"#\w+=(\S+)", newest.get_content())
        assert found
        return found[1]


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    directory = tmp_path / "mails"
    to_directory = mail.MailConfig("app@example.com", directory=directory)
    monkeypatch.setattr(mail, "_config", to_directory)
    yield Mailbox(directory)
    background.drain(5)


@pytest.fixture
def client(engine: Engine, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The app with the settings that these tests are about, whatever yours are."""
    monkeypatch.setattr(database, "engine", engine)
    monkeypatch.setattr(config, "public_url", "https://app.example.com")
    monkeypatch.setattr(config, "trusted_proxies", ())
    # fastman: if jwt
    monkeypatch.setattr(config, "bcrypt_rounds", 4)  # the cheapest that bcrypt has
    monkeypatch.setattr(config, "reveal_registered", True)
    # fastman: end
    # fastman: if oauth or ui
    monkeypatch.setattr(config, "trusted_origins", ("https://app.example.com",))
    # fastman: end
    # fastman: if passkey
    monkeypatch.setattr(passkey_config, "rp_id", "example.com")
    monkeypatch.setattr(passkey_config, "origins", ("https://app.example.com",))
    monkeypatch.setattr(passkey_config, "email_recovery", False)
    # fastman: end
    app = FastAPI()
    app.include_router(router)
    return Client(app)


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture
def tokens(client: Client) -> dict[str, str]:
    """What a sign-in of ada@example.com answers, whose username is ada."""
    # fastman: if jwt
    client.register(ADA, username="ada")
    # fastman: end
    return client.enter(ADA)


@pytest.fixture
def token(tokens: dict[str, str]) -> str:
    """The access token of ada@example.com."""
    return tokens["access_token"]


# fastman: if oauth
AnswerCalls = Callable[[Callable[[httpx.Request], httpx.Response]], None]


@pytest.fixture
def answer_calls(monkeypatch: pytest.MonkeyPatch) -> AnswerCalls:
    """Sets what answers the app's calls to providers, in place of the network."""

    def answer_with(handler: Callable[[httpx.Request], httpx.Response]) -> None:
        def new_http() -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.MockTransport(handler))

        monkeypatch.setattr(oauth_calls, "new_http", new_http)

    return answer_with


# fastman: end
