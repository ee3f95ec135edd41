# fastman: file jwt or oauth or passkey
"""The engine of authentication, on the database that the settings name."""

from pathlib import Path

from sqlalchemy import URL, create_engine, make_url

from app.core.config import settings

PROJECT_ROOT = Path(__file__).resolve().parents[3]

# Options that asyncpg reads from the URL and psycopg would refuse.
_ASYNCPG_OPTIONS = (
    "command_timeout",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
)


def sync_url(url: str | URL) -> URL:
    """Name the same database with a driver that blocks: psycopg, or Python's SQLite."""
    url = make_url(url)
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    if backend not in ("postgres", "postgresql"):
        return url
    sslmode = url.query.get("ssl")
    url = url.difference_update_query(("ssl", *_ASYNCPG_OPTIONS))
    if sslmode and "sslmode" not in url.query:
        url = url.update_query_dict({"sslmode": sslmode})
    return url.set(drivername="postgresql+psycopg")


def from_project_root(url: URL) -> URL:
    """Let a relative SQLite path start at the project root, wherever we run."""
    path = url.database or ""
    if url.drivername != "sqlite" or path in ("", ":memory:") or path[:5] == "file:":
        return url
    return url.set(database=str(PROJECT_ROOT / path))


engine = create_engine(
    from_project_root(sync_url(str(settings.DATABASE_URL))),
    pool_size=20,
    max_overflow=20,
)
