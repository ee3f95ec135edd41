# fastman: file jwt or oauth or passkey
"""auth

Revision ID: 4c1d0a7be52f
Revises:
Create Date: 2026-11-24 00:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "4c1d0a7be52f"
down_revision = None
branch_labels = None
depends_on = None

schema = sa.MetaData()
big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
instant = sa.DateTime(timezone=True)


def user_id(*, nullable: bool = False) -> sa.Column[int]:
    reference = sa.ForeignKey("users.id", ondelete="CASCADE")
    return sa.Column("user_id", big_id, reference, nullable=nullable)


sa.Table(
    "users",
    schema,
    sa.Column("id", big_id, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("email_key", sa.Text, nullable=False),
    sa.Column("username", sa.Text),
    sa.Column("username_key", sa.Text),
    sa.Column("hashed_password", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("avatar_url", sa.Text),
    sa.Column("oauth_provider", sa.Text),
    sa.Column("webauthn_handle", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("is_superuser", sa.Boolean, nullable=False),
    sa.Column("email_verified_at", instant),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("updated_at", instant, nullable=False),
    sa.Index("ix_users_email_key", "email_key", unique=True),
    sa.Index("ix_users_username_key", "username_key", unique=True),
    sa.Index("ix_users_webauthn_handle", "webauthn_handle", unique=True),
    # The id of a deleted user never comes back, so no old token fits a new user.
    sqlite_autoincrement=True,
)

sa.Table(
    "auth_sessions",
    schema,
    sa.Column("id", sa.Text, primary_key=True),
    user_id(),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("refresh_counter", sa.Integer, nullable=False),
    sa.Column("refreshed_at", instant, nullable=False),
    sa.Column("cookie_hash", sa.Text),
    sa.Column("ip", sa.Text),
    sa.Column("user_agent", sa.Text),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("authenticated_at", instant, nullable=False),
    sa.Column("last_seen_at", instant, nullable=False),
    sa.Column("expires_at", instant, nullable=False),
    sa.Index("ix_auth_sessions_user_id", "user_id"),
    sa.Index("ix_auth_sessions_cookie_hash", "cookie_hash", unique=True),
    sa.Index("ix_auth_sessions_expires_at", "expires_at"),
)

sa.Table(
    "auth_tokens",
    schema,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    user_id(),
    sa.Column("email_key", sa.Text, nullable=False),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("expires_at", instant, nullable=False),
    sa.Index("ix_auth_tokens_user_id_purpose", "user_id", "purpose", unique=True),
    sa.Index("ix_auth_tokens_expires_at", "expires_at"),
)

sa.Table(
    "auth_throttle",
    schema,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("window_start", instant, nullable=False),
    sa.Column("expires_at", instant, nullable=False),
    sa.Index("ix_auth_throttle_expires_at", "expires_at"),
)

sa.Table(
    "auth_challenges",
    schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    user_id(nullable=True),
    sa.Column("email_key", sa.Text),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("browser_hash", sa.Text),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("expires_at", instant, nullable=False),
    sa.Index("ix_auth_challenges_expires_at", "expires_at"),
)


def upgrade() -> None:
    there = _tables_there()
    # All of them are compared before the first one is made.
    for name in there:
        _require_same_columns(schema.tables[name])
    for table in schema.sorted_tables:
        if table.name not in there:
            op.execute(sa.schema.CreateTable(table))
        for index in _missing_indexes(table, adopted=table.name in there):
            op.execute(sa.schema.CreateIndex(index))


def downgrade() -> None:
    for table in reversed(schema.sorted_tables):
        op.drop_table(table.name)


def _tables_there() -> set[str]:
    if op.get_context().as_sql:  # there is no database to ask
        return set()
    return {*sa.inspect(op.get_bind()).get_table_names()} & {*schema.tables}


def _missing_indexes(table: sa.Table, *, adopted: bool) -> list[sa.Index]:
    there = sa.inspect(op.get_bind()).get_indexes(table.name) if adopted else []
    names = {index["name"] for index in there}
    missing = [index for index in table.indexes if index.name not in names]
    return sorted(missing, key=lambda index: str(index.name))


def _require_same_columns(table: sa.Table) -> None:
    """Accept a table that is there already if it stores what ours does."""
    found = sa.inspect(op.get_bind()).get_columns(table.name)
    kinds = {column["name"]: _kind(column["type"]) for column in found}
    for column in table.columns:
        if column.name not in kinds:
            raise _refusal(table.name, column.name, "is missing there")
        if kinds[column.name] != _kind(column.type):
            raise _refusal(table.name, column.name, "has another type there")
    for name in kinds:
        if name not in table.columns:
            raise _refusal(table.name, name, "is not ours")


def _kind(column_type: sa.types.TypeEngine[object]) -> str:
    """Sort a type by what it stores, whatever each database calls it."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if isinstance(column_type, sa.Boolean):
        return "integer" if sqlite else "boolean"
    if isinstance(column_type, sa.Integer):
        return "integer"
    if isinstance(column_type, sa.DateTime):
        return "text" if sqlite else "datetime"
    return "text" if isinstance(column_type, sa.String) else str(column_type)


def _refusal(table: str, column: str, problem: str) -> RuntimeError:
    return RuntimeError(
        f"the database has a table {table!r} already, and it is not the one of this "
        f"revision: column {column!r} {problem}\n"
        "nothing was changed\n"
        "take another name for the table of users: "
        "fastman install:auth --users-table=NAME"
    )
