# fastman: file jwt or oauth or passkey
"""Times: the database's clock, and how each database stores them."""

from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Integer, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_UTC = timezone(timedelta(0))


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC: timestamptz, or text without an offset in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone names no instant")
        value = value.astimezone(_UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=_UTC)
        return value.astimezone(_UTC)


class utc_now(FunctionElement[datetime]):
    """The database's clock, shifted by seconds: replicas have clocks of their own."""

    type = UTCDateTime()
    inherit_cache = True

    def __init__(self, seconds: int | ColumnElement[int] = 0) -> None:
        if isinstance(seconds, int):
            # A part of the text: what never changes need not be sent each time.
            seconds = literal_column(str(seconds), Integer)
        super().__init__(seconds)


@compiles(utc_now)
def _postgresql_now(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    if seconds == "0":
        return "clock_timestamp()"
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(utc_now, "sqlite")
def _sqlite_now(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:
    # Milliseconds are all that SQLite's clock has; the text has six digits.
    seconds = compiler.process(element.clauses, **kw)
    if seconds == "0":
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {seconds} || ' seconds')"
