"""Streams: on PostgreSQL statements are sent one after the other, and the server works while we think.

Nobody waits for a statement before what it finds is wanted, or what stands in the database is asked for by
another way, or the transaction ends. An error of a statement is raised then, at the latest by the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from crm_store.writing import CONNECTION

_STREAM = "stream"  # where a connection keeps what it sends with
_SENT = "sent"  # and the statements that nobody has waited for


def may_stream(engine: Engine) -> None:
    """Have connections leave their stream before SQLAlchemy asks them something, and when they go back."""
    lost = engine.dialect.loaded_dbapi.Error

    def before(connection: Connection, *_: object) -> None:
        if _STREAM in connection.info:
            leave_stream(connection)

    def goes_back(_driver: object, record: Any, _state: object) -> None:
        _end(record.info, lost)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "reset", goes_back)


def enter_stream(connection: Connection, sql: str) -> None:
    """What is executed on the driver's connection from here on is sent, and not waited for; first `sql`."""
    if _STREAM not in connection.info:
        with errors_of(connection):
            stream = driver_of(connection).pipeline()
            stream.__enter__()
        connection.info[_STREAM], connection.info[_SENT] = stream, []
    connection.info[_SENT].append(sql)


def received(connection: Connection) -> None:
    """Something was waited for, and with it all that was sent before."""
    if _STREAM in connection.info:
        connection.info[_SENT].clear()


def leave_stream(connection: Connection) -> None:
    """Wait for what was sent; raises what it met."""
    stream, sent = connection.info.pop(_STREAM), connection.info.pop(_SENT)
    with errors_of(connection, "\n".join(sent)):
        try:
            stream.__exit__(None, None, None)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _first(error) from None


def _first(error: BaseException) -> BaseException:
    """The error itself, if this one only says that nothing behind it was done."""
    while type(error).__name__ == "PipelineAborted" and error.__context__:
        error = error.__context__
    return error


@contextmanager
def streaming(session: Session) -> Iterator[None]:
    """A transaction that may stream, and is committed with what was sent last, in one go with it."""
    connection: Connection = session.info[CONNECTION]
    try:
        yield
        if not connection.closed and _STREAM in connection.info:
            with errors_of(connection):
                driver_of(connection).commit()
    except BaseException:
        # Something is being raised already; how what was sent has ended is of no interest.
        if not connection.closed and not connection.invalidated:
            _end(connection.info, connection.dialect.loaded_dbapi.Error)
        raise


def _end(info: dict[str, Any], lost: type[Exception]) -> None:
    stream = info.pop(_STREAM, None)
    if stream is not None:
        with suppress(lost):
            stream.__exit__(None, None, None)


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    return driver


@contextmanager
def errors_of(connection: Connection, sql: str | None = None) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, and give up a connection that is lost.

    In a stream they may be those of any statement that nobody has waited for.
    """
    dialect = connection.dialect
    errors = dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        sent = [] if connection.invalidated else connection.info.get(_SENT, [])
        is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "\n".join(sent) or sql,
            None,
            error,
            errors,
            hide_parameters=True,  # They hold what customers write.
            connection_invalidated=is_lost,
            dialect=dialect,
        ) from error
