"""The database: connections, transactions, column types. The truth is what it has committed."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from select import POLLIN, poll
from typing import IO, Any
from uuid import UUID

import orjson
import uuid_utils.compat
from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Dialect,
    Engine,
    TextualSelect,
    Uuid,
    and_,
    cast,
    column,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.types import DateTime, Text, TypeDecorator
from sqlmodel import Session

from crm_store.messages import ParleyError, clean, clean_json
from crm_store.streams import may_stream, streaming
from crm_store.writing import CONNECTION, Writing

# A table says in its info which columns are personal and what an erasure does to each:
# "erase" empties it, "delete" deletes the row, "pseudonym" puts another name in its place.
NOT_PERSONAL: dict[str, dict[str, str]] = {"personal": {}}

SQLITE_BUSY_MS = 15_000
_LONGEST_LOG = 16_000  # pages of 4 kB: from here on whoever commits tidies it up; see `Database.tidy`
# A server that has vanished without a word is noticed within so many seconds, and not after hours.
_LOST_WITHIN = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


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
    """A JSON value; the engine's `write_json` keeps its texts clean."""

    impl = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    cache_ok = True


class WholeJson(CleanJson):
    """A JSON value that no query looks into: read and written whole, and kept as it was written.

    PostgreSQL takes a jsonb apart when it is written and puts it together again when it is read.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True


class InUse(ParleyError):
    """Another process works on this database, which takes only one."""


class Alone:
    """Whether this process alone does something. The lock lives as long as its connection."""

    def __init__(self, connection: Connection | None, held: bool) -> None:
        self._connection = connection
        self._held = held
        self._backend = self._ask() if held else None

    def __bool__(self) -> bool:
        return self._held

    def check(self) -> bool:
        """Ask whether it is still so: a connection may be lost, and with it the lock, without a word."""
        if self._held:
            try:
                self._held = self._ask() == self._backend
            except SQLAlchemyError:
                self._held = False
        return self._held

    def _ask(self) -> int | None:
        # A connection may have been made anew in silence: then another backend answers.
        if self._connection is None:
            return None
        return self._connection.execute(select(func.pg_backend_pid())).scalar()


class Database:
    """One database for all threads of a process.

    On SQLite writers stand in line in the process (a lock) and between processes (BEGIN IMMEDIATE);
    every commit is synced to disk.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = threading.Lock()
        self._claimed: IO[str] | None = None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self.engine, autoflush=False) as session:
            yield session
            # Not rolled back: with that, psycopg forgets every statement that the connection has prepared.
            # And nothing is written, whatever was done to the objects that were read.
            session.expunge_all()
            session.commit()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        if not self.is_sqlite:
            with Writing(self.engine, expire_on_commit=False) as session, session.begin():
                session.info[CONNECTION] = session.connection()
                with streaming(session):
                    yield session
                    session.flush()
            return
        with self._writing, Writing(self.engine, expire_on_commit=False) as session, session.begin():
            session.info[CONNECTION] = session.connection(execution_options={"writes": True})
            yield session
            session.flush()

    @contextmanager
    def alone(self, what: str) -> Iterator[Alone]:
        """True if this process alone does `what` while the block lasts; another may be doing it."""
        if self.is_sqlite:
            yield Alone(None, True)  # One process works a SQLite file: see `claim`.
            return
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            lock = select(func.pg_try_advisory_lock(func.hashtext(what)))
            # The server, too, notices within seconds that a whole machine is gone, and lets go for it.
            seen = {"tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3}
            connection.execute(select(*(func.set_config(k, str(v), False) for k, v in seen.items())))
            try:
                yield Alone(connection, bool(connection.execute(lock).scalar()))
            finally:
                with suppress(SQLAlchemyError):  # Who has lost the connection has lost the lock.
                    connection.execute(select(func.pg_advisory_unlock_all()))

    def claim(self) -> None:
        """Be the one server of a SQLite file until it is closed; `InUse` if another is."""
        if not self.is_sqlite:
            return
        path = f"{self.engine.url.database}.lock"
        self._claimed = Path(path).open("w")  # noqa: SIM115  (held open: closing it lets go)
        try:
            fcntl.flock(self._claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f"another parley run works on {self.engine.url.database}") from None

    def tidy(self) -> None:
        """On SQLite: bring what was committed from its log into the file, while others read and write.

        Whoever commits would do so otherwise, every few rounds, with everybody waiting behind it.
        """
        if not self.is_sqlite:
            return
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self._claimed:
            self._claimed.close()


def write_json(value: Any) -> str:
    """The value as JSON, its texts clean. Ids and times become texts."""
    try:
        written = orjson.dumps(value)
    except TypeError:  # Lone surrogates, numbers beyond 64 bits, keys that are no texts.
        return json.dumps(clean_json(value), ensure_ascii=False, default=_plain)
    # A NUL stands as an escape in it. What is cleaned in vain is rare and does no harm.
    if b"\\u0000" in written:
        return json.dumps(clean_json(value), ensure_ascii=False, default=_plain)
    return written.decode()


def read_json(text: str | bytes) -> Any:
    """What was written as JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # Numbers beyond what a double holds.
        return json.loads(text)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"expected a JSON value, got {type(value).__name__}")


def exclusive(session: Session, what: str) -> None:
    """Wait until no other transaction does `what`; until this one ends, others wait. SQLite: always so."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(what))))


def insert_into(session: Session, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, for the session's database."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def listed(
    session: Session, columns: Sequence[Any], rows: Collection[Sequence[str]]
) -> tuple[CTE, ColumnElement[bool]]:
    """Rows of texts as a table to join with, and the condition of the join with these columns.

    Instead of `(a, b) IN ((…), …)`, for which SQLite uses no index, and which is compiled anew for
    every number of rows.
    """
    return _joined(
        _LISTED[session.get_bind().dialect.name, len(columns)].bindparams(rows=as_list(rows)), columns
    )


def listing(dialect: str, columns: Sequence[Any]) -> tuple[CTE, ColumnElement[bool]]:
    """As `listed`, for a statement that is compiled once: its parameter `rows` is given by `as_list`."""
    return _joined(_LISTED[dialect, len(columns)], columns)


def as_list(rows: Collection[Sequence[str | int]]) -> str:
    """Rows of texts or numbers as one value."""
    return write_json([list(row) for row in rows])


def _joined(query: TextualSelect, columns: Sequence[Any]) -> tuple[CTE, ColumnElement[bool]]:
    table = query.cte("listed")
    return table, and_(*(known == _as(known, table.c[f"v{place}"]) for place, known in enumerate(columns)))


def _as(known: Any, given: ColumnElement[str]) -> ColumnElement[Any]:
    # An id is compared as what it is, so that its index is used.
    return cast(given, known.type) if isinstance(known.type, Uuid) else given


def _listing(dialect: str, width: int) -> TextualSelect:
    item, source = {
        "sqlite": ("value ->> '$[{0}]'", "json_each(:rows)"),
        "postgresql": ("value ->> {0}", "jsonb_array_elements(CAST(:rows AS jsonb)) AS r(value)"),
    }[dialect]
    picked = ", ".join(f"{item.format(place)} AS v{place}" for place in range(width))
    names = [column(f"v{place}", Text) for place in range(width)]
    return text(f"SELECT {picked} FROM {source}").columns(*names)  # noqa: S608  (no input in it)


_LISTED = {(name, width): _listing(name, width) for name in ("sqlite", "postgresql") for width in (1, 2, 3)}


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername.startswith("postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        # Parameters hold what customers write: they must not reach a log within an error.
        engine = create_engine(
            parsed,
            hide_parameters=True,
            json_serializer=write_json,
            json_deserializer=read_json,
            pool_size=10,
            max_overflow=10,
            pool_use_lifo=True,
            connect_args={name: n for name, n in _LOST_WITHIN.items() if name not in parsed.query},
        )
        event.listen(engine, "checkout", _still_open(engine))
        may_stream(engine)
        return engine
    engine = create_engine(
        parsed,
        hide_parameters=True,
        json_serializer=write_json,
        json_deserializer=read_json,
        connect_args={"timeout": SQLITE_BUSY_MS / 1000},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _still_open(engine: Engine) -> Callable[[Any, Any, Any], None]:
    """For a checkout: no connection is handed out that the server has closed, such as in a restart.

    It says so by itself, and hardly anything else while nobody asks: only where it has said something is
    it asked whether it is still there.
    """
    lost = engine.dialect.loaded_dbapi.Error

    def check(connection: Any, record: Any, _proxy: Any) -> None:
        if record.fresh:
            return
        try:
            if _has_said_something(connection.fileno()):
                connection.execute("SELECT 1")
                connection.commit()
        except lost:
            raise InvalidatePoolError from None

    return check


def _has_said_something(socket: int) -> bool:
    listening = poll()
    listening.register(socket, POLLIN)
    return bool(listening.poll(0))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late (at the first write): transactions are begun by us.
    connection.isolation_level = None
    log = f"wal_autocheckpoint={_LONGEST_LOG}"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", log):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
