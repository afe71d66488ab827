"""Streams: on PostgreSQL statements are sent one after the other, and the server works while we think.

Nobody waits for a statement before what it finds is wanted, or what stands in the database is asked for by
another way, or the transaction ends. An error of a statement is raised then, at the latest by the commit,
and ends the stream: what comes after it meets a failed transaction, as it would without streams. Neither
COPY nor a cursor on the server's side may be used in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from crm_store.writing import CONNECTION

T = TypeVar("T")
# What was asked for: calling it waits until it is there. Only in the transaction in which it was asked for.
Answer = Callable[[], T]

_STREAM = "stream"  # where a connection keeps what it sends with
_FAILED = "failed"  # and the first error of its transaction


class _Stream:
    """What was sent on one connection since somebody waited for it last."""

    __slots__ = ("_context", "_pipeline", "sent")

    def __init__(self, driver: Any) -> None:
        self._context = driver.pipeline()
        self._pipeline = self._context.__enter__()
        self.sent: list[str] = []

    def wait(self) -> None:
        """Wait for all of it; raises the first error that it met."""
        self._pipeline.sync()

    def note_received(self) -> None:
        """Forget what nobody waits for any more."""
        if not self._pipeline.result_queue:
            self.sent.clear()

    def end(self) -> None:
        """Wait for all of it, and send no more."""
        self._context.__exit__(None, None, None)


def may_stream(engine: Engine) -> None:
    """Have connections leave their stream before SQLAlchemy asks them something, and when they go back."""
    dbapi = engine.dialect.loaded_dbapi

    def before(connection: Connection, *_: object) -> None:
        if _STREAM in connection.info:
            leave_stream(connection)

    def goes_back(driver: Any, record: Any, _state: object) -> None:
        _end(record.info, dbapi.Error)
        # A commit by hand that met an error of the stream: SQLAlchemy takes the transaction for ended.
        if driver.info.transaction_status != dbapi.pq.TransactionStatus.IDLE:
            with suppress(dbapi.Error):
                driver.rollback()

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "reset", goes_back)


def enter_stream(connection: Connection, sql: str) -> None:
    """What is executed on the driver's connection from here on is sent, and not waited for; first `sql`."""
    stream = connection.info.get(_STREAM)
    if stream is None:
        with errors_of(connection):
            stream = connection.info[_STREAM] = _Stream(driver_of(connection))
    stream.sent.append(sql)


def received(connection: Connection) -> None:
    """Something was waited for, and with it what was sent before."""
    if not connection.closed and (stream := connection.info.get(_STREAM)) is not None:
        stream.note_received()


def leave_stream(connection: Connection) -> None:
    """Wait for what was sent; raises what it met."""
    with errors_of(connection):
        connection.info[_STREAM].wait()
    _end(connection.info, connection.dialect.loaded_dbapi.Error)


@contextmanager
def streaming(session: Session) -> Iterator[None]:
    """A transaction that may stream, and is committed with what was sent last, in one go with it."""
    connection: Connection = session.info[CONNECTION]
    connection.info.pop(_FAILED, None)
    try:
        yield
        if not connection.closed:
            _commit(connection)
    except BaseException:
        # Something is being raised already; how what was sent has ended is of no interest.
        if not connection.closed and not connection.invalidated:
            _end(connection.info, connection.dialect.loaded_dbapi.Error)
        raise


def _commit(connection: Connection) -> None:
    dbapi = connection.dialect.loaded_dbapi
    with errors_of(connection):
        driver = driver_of(connection)
        if driver.info.transaction_status == dbapi.pq.TransactionStatus.INERROR:
            # Somebody has kept an error to himself. PostgreSQL would take the commit, and keep nothing.
            raise connection.info.get(_FAILED) or dbapi.InternalError("the transaction has failed before")
        if _STREAM in connection.info:
            driver.commit()


def _end(info: dict[str, Any], errors: type[Exception]) -> _Stream | None:
    """End the stream, if there is one, without a word of how."""
    stream: _Stream | None = info.pop(_STREAM, None)
    if stream is not None:
        with suppress(errors):
            stream.end()
    return stream


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    return driver


@contextmanager
def errors_of(connection: Connection, sql: str | None = None) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's, and give up a connection that is lost.

    In a stream they may be those of any statement that nobody has waited for: all of them are named.
    """
    dialect = connection.dialect
    errors = dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        is_lost = False
        if not connection.closed and not connection.invalidated:
            stream = _end(connection.info, errors)
            sql = "\n".join(stream.sent) if stream else sql
            connection.info.setdefault(_FAILED, error)
            is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
            if is_lost:
                connection.invalidate(error)
        raise DBAPIError.instance(
            sql,
            None,
            error,
            errors,
            hide_parameters=True,  # They hold what customers write.
            connection_invalidated=is_lost,
            dialect=dialect,
        ) from error
