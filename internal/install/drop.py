"""Takes the tables of authentication away, by the downgrades of their migrations.

argv: where the answer goes (JSON), alembic.ini, the revisions that are fastman's with
commas, the first first. Where revisions of the user's own stand upon them nothing is
done: a downgrade would take those along.
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


def main(answer, ini, ours):
    sys.path.insert(0, os.getcwd())
    result = {"state": "", "detail": ""}
    try:
        result.update(drop(ini, ours.split(",")))
    except BaseException:
        result.update(state="failed", detail=traceback.format_exc())
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)


def drop(ini, ours):
    config = Config(ini)
    script = ScriptDirectory.from_config(config)
    above = {r.revision for r in script.iterate_revisions("heads", ours[0])}
    foreign = sorted(above - set(ours))
    if foreign:
        return {"state": "above", "detail": ", ".join(foreign)}
    heads, _, _ = look(config, script)
    applied = {r.revision for head in heads for r in script.iterate_revisions(head, "base")}
    if ours[0] in applied:
        down = script.get_revision(ours[0]).down_revision
        command.downgrade(config, down or "base")
    _, tables, database = look(config, script)
    if database and tables <= {"alembic_version"}:
        for file in (database, database + "-wal", database + "-shm"):
            if os.path.exists(file):
                os.remove(file)  # nothing is in it any more
    return {"state": "dropped"}


def look(config, script):
    """The revisions that the database is at, its tables, and the file of SQLite,
    through the user's own env.py."""
    found = []

    def take(revisions, context):
        engine = context.connection.engine
        file = engine.url.database if engine.dialect.name == "sqlite" else ""
        heads = [revisions] if isinstance(revisions, str) else list(revisions or ())
        found.extend([heads, set(inspect(context.connection).get_table_names()), file])
        return []

    with EnvironmentContext(config, script, fn=take):
        script.run_env()
    heads, tables, file = found
    return heads, tables, file if file and os.path.isfile(file) else ""


logging.disable(logging.INFO)
main(*sys.argv[1:4])
