"""Brings the scratch database up to date, if that is really the one which the app uses.

argv: where the answer goes (JSON), alembic.ini, the dotted package of the auth module.
DATABASE_URL names the scratch database; nothing is changed before both the module's engine
and env.py were seen to lead there.
"""

import importlib
import json
import logging
import os
import sys
import traceback

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url


def main(answer, ini, package):
    sys.path.insert(0, os.getcwd())
    result = {"state": "applied", "detail": ""}
    try:
        result.update(migrate(ini, package, make_url(os.environ["DATABASE_URL"])))
    except BaseException:
        result.update(state="failed", detail=traceback.format_exc())
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)


def migrate(ini, package, scratch):
    engine = importlib.import_module(package + ".database").engine
    if not same(engine.url, scratch):
        return {"state": "elsewhere", "detail": package + ".database"}
    config = Config(ini)
    found = []

    def look(revisions, context):
        found.append(context.connection.engine.url)
        return []

    with EnvironmentContext(config, script := ScriptDirectory.from_config(config), fn=look):
        script.run_env()
    if not found or not same(found[0], scratch):
        return {"state": "elsewhere", "detail": os.path.join(config.get_main_option("script_location") or "", "env.py")}
    command.upgrade(config, "heads")
    return {}


def same(url, scratch):
    return place(url) == place(scratch)


def place(url):
    # "postgres" is an old name of "postgresql", which SQLAlchemy no longer takes.
    backend = url.get_backend_name().replace("postgresql", "postgres")
    return backend, url.database, url.host, url.port


logging.disable(logging.INFO)
main(*sys.argv[1:4])
