"""Applies fastman's Alembic revision where that is safe, and says what it found.

argv: where the answer goes (JSON), alembic.ini, the revision, all revisions that are
fastman's with commas, the dotted package of the auth module, the name of the users table. It applies only on SQLite, and only when nothing of the user's own
would be applied with it. Never touches a server: another dialect is only named.
"""

import importlib
import json
import logging
import os
import sys
import traceback

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory


def main(answer, ini, revision, ours, package, users):
    sys.path.insert(0, os.getcwd())
    result = {"state": "", "detail": "", "drift": []}
    try:
        result.update(migrate(ini, revision, ours.split(","), package, users))
    except BaseException:
        result.update(state="failed", detail=traceback.format_exc())
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)


def migrate(ini, revision, ours, package, users):
    engine = importlib.import_module(package + ".database").engine
    if engine.dialect.name != "sqlite":
        return {"state": "not-sqlite", "detail": engine.dialect.name}
    config = Config(ini)
    script = ScriptDirectory.from_config(config)
    above = {r.revision for r in script.iterate_revisions(revision, "base")}
    if absent(engine.url.database):
        applied = set()  # connecting would leave an empty file behind
    else:
        applied = current(config, script)
    done = {r.revision for head in applied for r in script.iterate_revisions(head, "base")}
    if revision in done:
        return {"state": "applied", "drift": drift(config, script, users)}
    foreign = sorted(above - done - set(ours))
    if foreign:
        return {"state": "behind", "detail": ", ".join(foreign)}
    command.upgrade(config, revision)
    return {"state": "applied", "drift": drift(config, script, users)}


def absent(database):
    return bool(database) and database != ":memory:" and not os.path.exists(database)


def current(config, script):
    """The revisions that the database is at, through the user's own env.py."""
    found = []

    def look(revisions, context):
        found.extend([revisions] if isinstance(revisions, str) else revisions or ())
        return []

    run_env(config, script, look)
    return set(found)


def drift(config, script, users):
    """What the next autogenerate would propose for the auth module's tables."""
    found = []

    def look(revisions, context):
        metadata = context.opts.get("target_metadata")
        for entry in compare_metadata(context, metadata) if metadata is not None else ():
            found.append(str(entry))
        return []

    run_env(config, script, look)
    names = (f"'{users}'", "'auth_", "ix_auth_", "'oauth_", "ix_oauth_", "'passkey_", "ix_passkey_")
    return [entry for entry in found if any(name in entry for name in names)]


def run_env(config, script, look):
    with EnvironmentContext(config, script, fn=look):
        script.run_env()


logging.disable(logging.INFO)
main(*sys.argv[1:7])
