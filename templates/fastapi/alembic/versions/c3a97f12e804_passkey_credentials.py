# fastman: file passkey
"""passkey_credentials

Revision ID: c3a97f12e804
Revises: 8e2f6b90d31c
Create Date: 2026-11-26 00:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "c3a97f12e804"
down_revision = "8e2f6b90d31c"
branch_labels = None
depends_on = None

big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
instant = sa.DateTime(timezone=True)

schema = sa.MetaData()
# What is referred to is there already.
sa.Table("users", schema, sa.Column("id", big_id, primary_key=True))

passkeys = sa.Table(
    "passkey_credentials",
    schema,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column(
        "user_id",
        big_id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("transports", sa.Text, nullable=False),
    sa.Column("aaguid", sa.Text, nullable=False),
    sa.Column("backup_eligible", sa.Boolean, nullable=False),
    sa.Column("backed_up", sa.Boolean, nullable=False),
    sa.Column("device_name", sa.Text, nullable=False),
    sa.Column("created_at", instant, nullable=False),
    sa.Column("last_used_at", instant),
    sa.Index("ix_passkey_credentials_user_id", "user_id"),
)


def upgrade() -> None:
    adopted = _is_there()
    if adopted:
        _require_same_columns()
    else:
        op.execute(sa.schema.CreateTable(passkeys))
    for index in _missing_indexes(adopted=adopted):
        op.execute(sa.schema.CreateIndex(index))


def downgrade() -> None:
    op.drop_table(passkeys.name)


def _is_there() -> bool:
    if op.get_context().as_sql:  # there is no database to ask
        return False
    return sa.inspect(op.get_bind()).has_table(passkeys.name)


def _missing_indexes(*, adopted: bool) -> list[sa.Index]:
    there = sa.inspect(op.get_bind()).get_indexes(passkeys.name) if adopted else []
    names = {index["name"] for index in there}
    missing = [index for index in passkeys.indexes if index.name not in names]
    return sorted(missing, key=lambda index: str(index.name))


def _require_same_columns() -> None:
    """Accept a table that is there already if it stores what ours does."""
    found = sa.inspect(op.get_bind()).get_columns(passkeys.name)
    kinds = {column["name"]: _kind(column["type"]) for column in found}
    for column in passkeys.columns:
        if column.name not in kinds:
            raise _refusal(column.name, "is missing there")
        if kinds[column.name] != _kind(column.type):
            raise _refusal(column.name, "has another type there")
    for name in kinds:
        if name not in passkeys.columns:
            raise _refusal(name, "is not ours")


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


def _refusal(column: str, problem: str) -> RuntimeError:
    return RuntimeError(
        f"the database has a table {passkeys.name!r} already, and it is not the one of "
        f"this revision: column {column!r} {problem}\n"
        "nothing was changed\n"
        "rename that table, or drop it if nothing needs it"
    )
