# fastman: file oauth or keycloak
"""oauth_accounts

Revision ID: 8e2f6b90d31c
Revises: 4c1d0a7be52f
Create Date: 2026-11-25 00:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "8e2f6b90d31c"
down_revision = "4c1d0a7be52f"
branch_labels = None
depends_on = None

big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
instant = sa.DateTime(timezone=True)

schema = sa.MetaData()
# What is referred to is there already.
sa.Table("users", schema, sa.Column("id", big_id, primary_key=True))

accounts = sa.Table(
    "oauth_accounts",
    schema,
    sa.Column("id", big_id, primary_key=True),
    sa.Column(
        "user_id",
        big_id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("last_used_at", instant),
    sa.Index("ix_oauth_accounts_provider_subject", "provider", "subject", unique=True),
    sa.Index("ix_oauth_accounts_user_id", "user_id"),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    adopted = _is_there()
    if adopted:
        _require_same_columns()
    else:
        op.execute(sa.schema.CreateTable(accounts))
    for index in _missing_indexes(adopted=adopted):
        op.execute(sa.schema.CreateIndex(index))


def downgrade() -> None:
    op.drop_table(accounts.name)


def _is_there() -> bool:
    if op.get_context().as_sql:  # there is no database to ask
        return False
    return sa.inspect(op.get_bind()).has_table(accounts.name)


def _missing_indexes(*, adopted: bool) -> list[sa.Index]:
    there = sa.inspect(op.get_bind()).get_indexes(accounts.name) if adopted else []
    names = {index["name"] for index in there}
    missing = [index for index in accounts.indexes if index.name not in names]
    return sorted(missing, key=lambda index: str(index.name))


def _require_same_columns() -> None:
    """Accept a table that is there already if it stores what ours does."""
    found = sa.inspect(op.get_bind()).get_columns(accounts.name)
    kinds = {column["name"]: _kind(column["type"]) for column in found}
    for column in accounts.columns:
        if column.name not in kinds:
            raise _refusal(column.name, "is missing there")
        if kinds[column.name] != _kind(column.type):
            raise _refusal(column.name, "has another type there")
    for name in kinds:
        if name not in accounts.columns:
            raise _refusal(name, "is not ours")


def _kind(column_type: sa.types.TypeEngine[object]) -> str:
    """Sort a type by what it stores, whatever each database calls it."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if isinstance(column_type, sa.Integer):
        return "integer"
    if isinstance(column_type, sa.DateTime):
        return "text" if sqlite else "datetime"
    return "text" if isinstance(column_type, sa.String) else str(column_type)


def _refusal(column: str, problem: str) -> RuntimeError:
    return RuntimeError(
        f"the database has a table {accounts.name!r} already, and it is not the one of "
        f"this revision: column {column!r} {problem}\n"
        "nothing was changed\n"
        "rename that table, or drop it if nothing needs it"
    )
