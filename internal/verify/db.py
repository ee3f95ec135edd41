"""Runs SQL on the scratch database for the suite: a line of JSON in, a line out.

DATABASE_URL names it: what stands in argv, everybody on the machine can read. Answers are
texts, as Go's drivers give them.
"""

import json
import os
import sqlite3
import sys
from datetime import datetime


def main(url):
    execute = None
    for line in sys.stdin:
        try:
            execute = execute or (sqlite(url) if url.startswith("sqlite") else postgres(url))
            request = json.loads(line)
            answer = execute(request["sql"], [value(a) for a in request["args"] or ()])
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def sqlite(url):
    sqlite3.register_converter("BOOLEAN", lambda raw: raw == b"1")
    path = url.split(":///", 1)[1]
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, detect_types=sqlite3.PARSE_DECLTYPES)
    return lambda sql, args: result(connection.execute(sql, args))


def postgres(url):
    import psycopg

    connection = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor)
    return lambda sql, args: result(connection.execute(sql, args))


def result(cursor):
    if cursor.description is None:
        return {"n": cursor.rowcount}
    return {
        "columns": [column[0] for column in cursor.description],
        "rows": [[text(v) for v in row] for row in cursor.fetchall()],
    }


def value(argument):
    if isinstance(argument, dict):
        return datetime.fromisoformat(argument["time"])
    return argument


def text(v):
    if v is None or isinstance(v, str):
        return v
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, datetime):
        return v.isoformat()
    if isinstance(v, bytes):
        return v.decode("utf-8", "replace")
    return str(v)


main(os.environ["DATABASE_URL"])
