"""Runs the auth router in an app of its own, on a scratch database."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read when the app's settings are imported, just below.
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(32))

import anyio
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.features.auth import database
from app.features.auth.config import config
from app.features.auth.models import User
from app.features.auth.router import router

PASSWORD = "correct horse battery staple"


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
            transport = httpx.ASGITransport(self.app)
            async with (
                httpx.AsyncClient(transport=transport, base_url="http://test") as http,
                anyio.create_task_group() as tasks,
            ):
                for number, call in enumerate(calls):
                    tasks.start_soon(send_one, http, number, call)

        async def send_one(
            http: httpx.AsyncClient, number: int, call: tuple[str, dict[str, Any]]
        ) -> None:
            endpoint, options = call
            method = options.pop("method", "GET" if endpoint == "me" else "POST")
            path = self.app.url_path_for(endpoint)
            answers[number] = await http.request(method, path, **options)

        anyio.run(run)
        return [answers[number] for number in range(len(calls))]

    def register(self, email: str, **fields: Any) -> httpx.Response:
        fields = {"email": email, "password": PASSWORD, **fields}
        return self.send("register", json=fields)

    def log_in(self, username: str, password: str = PASSWORD) -> httpx.Response:
        return self.send("login", data={"username": username, "password": password})

    def me(self, token: str) -> httpx.Response:
        return self.send("me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    scratch = create_engine(f"sqlite:///{tmp_path / 'auth.db'}")
    database.tune_sqlite(scratch)
    tables = [
        table
        for table in User.metadata.sorted_tables
        if table.name == User.__tablename__ or table.name.startswith("auth_")
    ]
    User.metadata.create_all(scratch, tables=tables)
    yield scratch
    scratch.dispose()


@pytest.fixture
def client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(database, "engine", engine)
    monkeypatch.setattr(config, "bcrypt_rounds", 4)  # the cheapest that bcrypt has
    app = FastAPI()
    app.include_router(router)
    return Client(app)


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture
def token(client: Client) -> str:
    """The access token of a user ada@example.com, whose username is ada."""
    client.register("ada@example.com", username="ada")
    access_token: str = client.log_in("ada").json()["access_token"]
    return access_token
