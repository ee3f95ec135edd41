"""The revision on each database: up, down, and over tables that are there already."""

from sqlalchemy import create_engine, inspect, text

from app.features.auth.models import User

from .conftest import alembic

TABLES = {
    "users",
    "auth_sessions",
    "auth_tokens",
    "auth_throttle",
    "auth_challenges",
    "oauth_accounts",
    "passkey_credentials",
}


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_goes_up_and_down_and_matches_the_models(database_url: str) -> None:
    for command in ("upgrade head", "check", "downgrade base", "upgrade head", "check"):
        result = alembic(database_url, *command.split())
        assert result.returncode == 0, result.stderr
        assert tables(database_url) == (set() if "base" in command else TABLES)


def test_writes_sql_without_a_database(database_url: str) -> None:
    result = alembic(database_url, "upgrade", "head", "--sql")
    assert result.returncode == 0, result.stderr
    assert all(f"CREATE TABLE {table} (" in result.stdout for table in TABLES)


def test_accepts_tables_that_are_the_same(database_url: str) -> None:
    engine = create_engine(database_url)
    User.metadata.create_all(engine)
    engine.dispose()
    execute(database_url, "DROP INDEX ix_users_email_key", "DROP TABLE auth_throttle")
    result = alembic(database_url, "upgrade", "head")
    assert result.returncode == 0, result.stderr
    assert alembic(database_url, "check").returncode == 0


def test_refuses_a_users_table_of_another_kind(database_url: str) -> None:
    execute(database_url, "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)")
    result = alembic(database_url, "upgrade", "head")
    assert result.returncode == 1
    assert "table 'users'" in result.stderr
    assert "column 'email_key' is missing there" in result.stderr
    assert "--users-table" in result.stderr
    assert tables(database_url) == {"users"}


def test_refuses_accounts_of_another_kind(database_url: str) -> None:
    execute(database_url, "CREATE TABLE oauth_accounts (id INTEGER PRIMARY KEY)")
    result = alembic(database_url, "upgrade", "head")
    assert result.returncode == 1
    assert "table 'oauth_accounts'" in result.stderr
    assert "column 'user_id' is missing there" in result.stderr


def test_refuses_passkeys_of_another_kind(database_url: str) -> None:
    execute(database_url, "CREATE TABLE passkey_credentials (id TEXT PRIMARY KEY)")
    result = alembic(database_url, "upgrade", "head")
    assert result.returncode == 1
    assert "table 'passkey_credentials'" in result.stderr
    assert "column 'user_id' is missing there" in result.stderr


def test_refuses_a_column_too_many_or_of_another_type(database_url: str) -> None:
    assert alembic(database_url, "upgrade", "head").returncode == 0
    execute(
        database_url,
        "DELETE FROM alembic_version",
        "ALTER TABLE users ADD COLUMN shoe_size INTEGER",
    )
    result = alembic(database_url, "upgrade", "head")
    assert "column 'shoe_size' is not ours" in result.stderr
    execute(
        database_url,
        "ALTER TABLE users DROP COLUMN shoe_size",
        "ALTER TABLE users DROP COLUMN name",
        "ALTER TABLE users ADD COLUMN name INTEGER",
    )
    result = alembic(database_url, "upgrade", "head")
    assert "column 'name' has another type there" in result.stderr
