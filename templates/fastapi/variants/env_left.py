"""Runs the migrations that stayed, on the database that DATABASE_URL names."""

import os

from sqlalchemy import create_engine, make_url

from alembic import context

url = make_url(os.environ["DATABASE_URL"])
sqlite = url.drivername.startswith("sqlite")
engine = create_engine(url.set(drivername="sqlite" if sqlite else "postgresql+psycopg"))

with engine.connect() as connection:
    # SQLite cannot alter a table in place; Alembic then copies it.
    context.configure(connection=connection, render_as_batch=sqlite)
    with context.begin_transaction():
        context.run_migrations()
