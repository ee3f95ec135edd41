"""Takes the tables of authentication away, by the downgrades of their migrations.

argv: where the answer goes (JSON), alembic.ini, the revisions that are fastman's with
commas, the first first, the name of the users table. Where revisions of the user's own
stand upon them nothing is done: a downgrade would take those along. Nor where tables of
the user's refer to ours: SQLite would leave them with references to nothing.
"""

import json
import logging
import os
import sys
import traceback

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect


def main(answer, ini, ours, users):
    sys.path.insert(0, os.getcwd())
    result = {"state": "", "detail": ""}
    try:
        result.update(drop(ini, ours.split(","), users))
    except BaseException:
        result.update(state="failed", detail=traceback.format_exc())
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)


def drop(ini, ours, users):
    config = Config(ini)
    script = ScriptDirectory.from_config(config)
    above = {r.revision for r in script.iterate_revisions("heads", ours[0])}
    foreign = sorted(above - set(ours))
    if foreign:
        return {"state": "above", "detail": ", ".join(foreign)}
    heads, tables, _ = look(config, script)
    refer = sorted(table for table, targets in tables.items() if users in targets and not is_ours(table))
    if refer:
        return {"state": "referred", "detail": ", ".join(refer)}
    applied = {r.revision for head in heads for r in script.iterate_revisions(head, "base")}
    if ours[0] in applied:
        down = script.get_revision(ours[0]).down_revision
        command.downgrade(config, down or "base")
    _, tables, database = look(config, script)
    if database and set(tables) <= {"alembic_version"}:
        for file in (database, database + "-wal", database + "-shm"):
            if os.path.exists(file):
                os.remove(file)  # nothing is in it any more
    return {"state": "dropped"}


def is_ours(table):
    return table.startswith("auth_") or table in ("oauth_accounts", "passkey_credentials")


def look(config, script):
    """The revisions that the database is at, its tables with those that they refer to,
    and the file of SQLite, through the user's own env.py."""
    found = []

    def take(revisions, context):
        engine = context.connection.engine
        file = engine.url.database if engine.dialect.name == "sqlite" else ""
        heads = [revisions] if isinstance(revisions, str) else list(revisions or ())
        schema = inspect(context.connection)
        tables = {
            table: {key["referred_table"] for key in schema.get_foreign_keys(table)}
            for table in schema.get_table_names()
        }
        found.extend([heads, tables, file])
        return []

    with EnvironmentContext(config, script, fn=take):
        script.run_env()
    heads, tables, file = found
    return heads, tables, file if file and os.path.isfile(file) else ""


logging.disable(logging.INFO)
main(*sys.argv[1:5])
