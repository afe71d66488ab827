"""The database: connections, transactions, column types. The truth is what it has committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import JSON, Dialect, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.types import DateTime, Text, TypeDecorator
from sqlmodel import Session

from crm_store.messages import clean, clean_json

# A table says in its info which columns are personal and what an erasure does to each:
# "erase" empties it, "delete" deletes the row, "pseudonym" puts another name in its place.
NOT_PERSONAL: dict[str, dict[str, str]] = {"personal": {}}

SQLITE_BUSY_MS = 15_000


def new_id() -> UUID:
    """A UUIDv7: unique anywhere, growing with time."""
    return uuid_utils.compat.uuid7()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, on SQLite too, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; naive times are refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware time, got {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """A text without what PostgreSQL refuses: NUL and lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean on the way in."""
        return None if value is None else clean(value)


class CleanJson(TypeDecorator[Any]):
    """A JSON value whose texts are clean."""

    impl = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Clean on the way in."""
        return clean_json(value)


class Database:
    """One database for all threads of a process.

    On SQLite writers stand in line in the process (a lock) and between processes (BEGIN IMMEDIATE);
    every commit is synced to disk.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self.engine, autoflush=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        if not self.is_sqlite:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
            return
        with self._writing, Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"writes": True})
            yield session

    def check(self) -> None:
        """Raise unless the database answers."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername.startswith("postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        # Parameters hold what customers write: they must not reach a log within an error.
        return create_engine(
            parsed, hide_parameters=True, pool_size=10, max_overflow=10, pool_pre_ping=True
        )
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late (at the first write): transactions are begun by us.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
