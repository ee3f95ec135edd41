# fastman: file jwt or oauth or passkey
"""The database as authentication uses it: one hop to a thread for each task."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyio import fail_after
from anyio.lowlevel import RunVar
from fastapi import HTTPException, status
from sqlalchemy import Connection, Engine, Executable, Row, Select, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.core.database import engine

from .events import log_event

P = ParamSpec("P")
T = TypeVar("T")

# Threads in the database at once, in each direction. More would only queue for the
# interpreter's lock: with 64 clients, 4 threads halve the tail that 40 have.
_THREADS = 4

# How long SQLite waits for another writer, in milliseconds.
_BUSY_TIMEOUT = 10_000

# A connection that was not used for so long is tested first, in seconds.
_IDLE = 1

# How long a request waits for a database that hangs, in seconds.
_PATIENCE = 15
# fastman: if oauth or passkey or keycloak

# How often a transaction may lose against others that came at the same time.
_TRIES = 3
# fastman: end


class _Threads:
    """Threads of our own: the hop costs less than through the framework, and the
    routes written with `def` keep theirs."""

    def __init__(self, name: str, number: int) -> None:
        self._number = number
        self._pool = ThreadPoolExecutor(number, name)
        self._free: RunVar[asyncio.Semaphore] = RunVar(name)

    async def run(self, call: Callable[[], T]) -> T:
        # Each job is handed out by the event loop, which so gets its turn between two
        # of them; threads that took the next one by themselves would starve it.
        with fail_after(_PATIENCE):
            async with self._semaphore():
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, call)

    def _semaphore(self) -> asyncio.Semaphore:
        try:
            return self._free.get()
        except LookupError:
            semaphore = asyncio.Semaphore(self._number)
            self._free.set(semaphore)
            return semaphore


_readers = _Threads("auth-read", _THREADS)
# SQLite lets one write at a time. Waiting here is fair; waiting there is sleeping.
_writers = _Threads("auth-write", 1 if engine.dialect.name == "sqlite" else _THREADS)


class Contradiction(Exception):
    """A row that unique indexes or references do not allow, without its values."""


async def read(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run work(session, ...) in a thread; each statement is a transaction."""
    call = partial(_read, lambda session: work(session, *args, **kwargs))
    return await _in(_readers, call)


async def fetch_row(
    statement: Select[Any], parameters: dict[str, object]
) -> Row[Any] | None:
    """Run one query in a thread without a session, which would double its cost."""
    call = partial(_fetch_row, statement, parameters)
    return await _in(_readers, call)


async def change_row(
    statement: Executable,
    parameters: dict[str, object],
    check: Callable[[Row[Any]], None],
) -> Row[Any] | None:
    """Run one statement that changes a row and returns it, at the cost of fetch_row.

    What check(row) raises takes the change back.
    """
    call = partial(_change_row, statement, parameters, check)
    return await _in(_writers, call)


async def write(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run work(session, ...) in a thread, all of it in one transaction."""
    call = partial(_write, lambda session: work(session, *args, **kwargs))
    return await _in(_writers, call)


# fastman: if oauth or passkey or keycloak
async def write_again(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do what write() does; a transaction that another was faster than runs again.

    It then finds what the other has made.
    """
    for _ in range(_TRIES - 1):
        try:
            return await write(work, *args, **kwargs)
        except Contradiction:
            continue
    return await write(work, *args, **kwargs)


# fastman: end
async def _in(threads: _Threads, call: Callable[[], T]) -> T:
    try:
        return await threads.run(call)
    except IntegrityError:
        raise Contradiction from None
    except (DBAPIError, PoolTimeout, TimeoutError) as error:
        raise _unavailable(error) from None


def _unavailable(error: Exception) -> HTTPException:
    """Say what is wrong with the database, but not what was asked of it.

    A statement's parameters are addresses and hashes, which no log may hold.
    """
    problem = str(getattr(error, "orig", error)).partition("\n")[0]
    log_event(
        "auth.database.failed",
        level=logging.ERROR,
        error=type(error).__name__,
        problem=problem,
    )
    return HTTPException(
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "Database is not available",
        headers={"Retry-After": "5"},
    )


def new_session() -> Session:
    return Session(engine)


def transaction(
    work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do what write() does, for code that is in a thread of its own already."""
    return _write(lambda session: work(session, *args, **kwargs))


def _read(work: Callable[[Session], T]) -> T:
    with (
        _connect() as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        return work(session)


def _fetch_row(
    statement: Select[Any], parameters: dict[str, object]
) -> Row[Any] | None:
    with _connect() as connection:
        return connection.execute(statement, parameters).one_or_none()


def _change_row(
    statement: Executable,
    parameters: dict[str, object],
    check: Callable[[Row[Any]], None],
) -> Row[Any] | None:
    # It begins with a change, so that SQLite makes it the writer at once.
    with engine.begin() as connection:
        row = connection.execute(statement, parameters).one_or_none()
        if row is not None:
            check(row)
        return row


def _connect() -> Connection:
    """Save the round trips of BEGIN and ROLLBACK; SQLite begins none for a SELECT."""
    connection = engine.connect()
    if engine.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="AUTOCOMMIT")


def _write(work: Callable[[Session], T]) -> T:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        if engine.dialect.name == "sqlite":
            _begin_immediate(session)
        return work(session)


def _begin_immediate(session: Session) -> None:
    """Become the writer now: a reader that turns writer later can only fail."""
    connection = session.connection()
    dbapi_connection = connection.connection.dbapi_connection
    if not getattr(dbapi_connection, "in_transaction", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def dialect_of(db: Session) -> str:
    return db.get_bind().dialect.name


def upsert(dialect: str, model: type[Any]) -> Any:
    """Begin an INSERT ... ON CONFLICT, which each dialect of SQLAlchemy has its own."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(inspect(model).local_table)


def tune_sqlite(engine: Engine) -> None:
    """Let readers and a writer work side by side, and writers wait for each other."""
    in_memory = engine.url.database in (None, "", ":memory:")
    if engine.dialect.name == "sqlite" and not in_memory:
        event.listen(engine, "connect", _set_pragmas)


def _set_pragmas(dbapi_connection: Any, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def probe_idle_connections(engine: Engine) -> None:
    """Find out, before it is used, that a server has closed a connection meanwhile.

    Only after a pause: a test of each would take a round trip for every request.
    """
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _test_if_idle)


def _note_use(_connection: object, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _test_if_idle(dbapi_connection: Any, record: Any, _proxy: object) -> None:
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < _IDLE:
        return
    try:
        if not engine.dialect.do_ping(dbapi_connection):
            raise DisconnectionError
    except engine.dialect.loaded_dbapi.Error:
        raise DisconnectionError from None  # the pool opens another one


tune_sqlite(engine)
if engine.dialect.name != "sqlite":
    probe_idle_connections(engine)
