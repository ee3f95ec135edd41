"""Runs the template as it stands: migrated databases, and servers of its own."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).resolve().parents[1]
POSTGRES = os.environ.get("TEST_POSTGRES_URL")  # of a role that may create databases
PASSWORD = "correct horse battery staple"

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(32))
os.environ.setdefault("ENVIRONMENT", "test")


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'app.db'}"
        return
    url = make_url(POSTGRES or "").set(drivername="postgresql+psycopg")
    name = f"selftest_{secrets.token_hex(6)}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this interpreter in the template's folder."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def alembic(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "alembic", *command, DATABASE_URL=url)


@pytest.fixture
def serve(database_url: str) -> Iterator[Callable[..., httpx.Client]]:
    """Start the app on the migrated database with settings of the test's choice."""
    assert alembic(database_url, "upgrade", "head").returncode == 0
    with contextlib.ExitStack() as running:

        def start(**settings: str) -> httpx.Client:
            environment = {"DATABASE_URL": database_url, **settings}
            return running.enter_context(_server(environment))

        yield start


@contextlib.contextmanager
def _server(environment: dict[str, str]) -> Iterator[httpx.Client]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        command = ["-m", "uvicorn", "app.main:app", "--fd", str(listener.fileno())]
        # Longer than a test, or a connection may close just when it is used again.
        command += ["--timeout-keep-alive", "60", "--log-level", "error"]
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        port = listener.getsockname()[1]
        limits = httpx.Limits(max_connections=None)
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=30
        )
        try:
            _wait_until_up(client, process)
            yield client
        finally:
            client.close()
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the app did not start"
        with contextlib.suppress(httpx.TransportError):
            client.get("/health", timeout=1)
            return
    raise AssertionError("the app did not answer in 30 seconds")
