# fastman: file jwt or oauth or passkey
"""Runs migrations on the app's own engine."""

from logging.config import fileConfig

from alembic import context
from app.core.database import engine
from app.features.auth.models import User

if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

# Import the modules of further models above: a table that was never imported looks to
# autogenerate like one to be dropped.
target_metadata = User.metadata

# SQLite cannot alter a table in place; Alembic then copies it.
render_as_batch = engine.dialect.name == "sqlite"


def write_sql() -> None:
    """Print the statements of `alembic upgrade --sql`."""
    context.configure(
        url=engine.url,
        target_metadata=target_metadata,
        render_as_batch=render_as_batch,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate() -> None:
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            render_as_batch=render_as_batch,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    write_sql()
else:
    migrate()
