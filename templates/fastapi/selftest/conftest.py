"""Runs the template as it stands, on databases of its own."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).resolve().parents[1]
POSTGRES = os.environ.get("TEST_POSTGRES_URL")  # of a role that may create databases

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
