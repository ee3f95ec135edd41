# fastman: file jwt or oauth or passkey
"""What becomes of rows whose time is over, and of a database that is down."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, select, update
from sqlalchemy.orm import Session

from app.features.auth import database, purge
from app.features.auth.background import background
from app.features.auth.clock import utc_now
from app.features.auth.models import AuthSession, AuthThrottle

from .conftest import Client


def test_expired_rows_are_deleted_while_the_app_is_used(
    client: Client,
    tokens: dict[str, str],
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    background.drain(5)
    for number in range(1200):
        db.add(AuthThrottle(key=str(number), count=1, expires_at=utc_now(-1)))
    db.execute(update(AuthSession).values(expires_at=utc_now(60)))
    db.commit()
    monkeypatch.setattr(purge, "_next", 0.0)
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    background.drain(5)
    old = select(func.count()).where(AuthThrottle.expires_at <= utc_now())
    assert db.scalar(old) == 0
    assert db.scalar(select(func.count()).select_from(AuthSession)) == 1


@pytest.fixture
def broken(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'missing' / 'auth.db'}")


def test_a_database_that_is_down_is_503(
    client: Client,
    tokens: dict[str, str],
    broken: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(database, "engine", broken)
    answers = (
        client.me(tokens["access_token"]),
        client.refresh(tokens["refresh_token"]),
    )
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json() == {"detail": "Database is not available"}
        assert int(answer.headers["Retry-After"]) > 0
    assert "auth.database.failed" in caplog.text
    assert "SELECT" not in caplog.text
