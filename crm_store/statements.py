"""Statements that run for every message: built with SQLAlchemy Core, compiled once, run with plain rows.

What a session does beside the database's own work (building, caching, wrapping rows) costs several times
as much. All that runs rarely uses the session as usual: see docs/decisions/0013.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ClauseElement,
    Connection,
    Dialect,
    Table,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import JSON, Text, TypeEngine
from sqlmodel import Session

from crm_store.db import CleanJson, CleanText, UtcDateTime, read_json, write_json
from crm_store.messages import clean
from crm_store.streams import Answer, driver_of, enter_stream, errors_of, received
from crm_store.writing import connection_of, is_writing

Process = Callable[[Any], Any]
Convert = Callable[[Any], tuple[Any, ...]]


class Statement:
    """One statement, compiled when a database first asks for it.

    Its text must not depend on how much it is given: a list goes in as one value (`db.listing`).
    """

    def __init__(self, build: Callable[[str], ClauseElement]) -> None:
        """`build` makes the statement for a dialect, given its name."""
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def fetch(self, session: Session, **values: Any) -> list[tuple[Any, ...]]:
        """The rows it finds, each in the order of its columns."""
        connection = connection_of(session)
        return self._found(connection, self._executed(connection, values))

    def ask(self, session: Session, **values: Any) -> Answer[list[tuple[Any, ...]]]:
        """As `fetch`, but that on PostgreSQL the rows are not waited for yet."""
        connection = connection_of(session)
        if not self._is_sent_next(session, connection):
            found = self.fetch(session, **values)
            return lambda: found
        cursor = self._executed(connection, values)
        return lambda: self._found(connection, cursor)

    def run(self, session: Session, rows: Sequence[Mapping[str, Any]], *, ahead: bool = False) -> None:
        """Run it once a row; `ahead` of what was left for later."""
        if rows:
            connection = connection_of(session, ahead=ahead)
            compiled = self._for(connection.dialect)
            given = [compiled.one(row) for row in rows]
            self._is_sent_next(session, connection)
            with errors_of(connection, compiled.sql):
                driver_of(connection).cursor().executemany(compiled.sql, given)

    def run_once(self, session: Session, values: Mapping[str, Any], *, ahead: bool = False) -> None:
        """Run it once; `ahead` of what was left for later."""
        connection = connection_of(session, ahead=ahead)
        self._is_sent_next(session, connection)
        self._executed(connection, values)

    def _is_sent_next(self, session: Session, connection: Connection) -> bool:
        """Have it sent when it is executed next, and not waited for, where that can be; whether it can."""
        is_sent = connection.dialect.name == "postgresql" and is_writing(session)
        if is_sent:
            enter_stream(connection, self._for(connection.dialect).sql)
        return is_sent

    def _executed(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, on which it was executed."""
        compiled = self._for(connection.dialect)
        with errors_of(connection, compiled.sql):
            cursor = driver_of(connection).cursor()
            cursor.execute(compiled.sql, compiled.one(values))
        return cursor

    def _found(self, connection: Connection, cursor: Any) -> list[tuple[Any, ...]]:
        """What it has found on this cursor."""
        compiled = self._for(connection.dialect)
        with errors_of(connection, compiled.sql):
            rows = cursor.fetchall()
        received(connection)
        return compiled.read(rows)

    def _for(self, dialect: Dialect) -> _Compiled:
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = _Compiled(self._build(dialect.name), dialect)
        return self._compiled[dialect.name]


class Rows:
    """Writes rows of one table: inserts them, or updates those that its keys name.

    SQLite's driver is fast row by row. PostgreSQL is sent all rows as one JSON value in one statement.
    """

    def __init__(
        self,
        table: Table,
        names: Sequence[str],
        keys: Mapping[str, str] | None = None,
        *,
        replaces: Sequence[str] = (),
        empty: dict[str, Any] | None = None,
        ahead: bool = False,
    ) -> None:
        """`keys` (column: its name in a row) makes it an update; without it is an insert.

        An insert that `replaces` writes over the row that has the same values in these columns. With
        `empty` a row may leave columns out: what stands there then, NULL where it names nothing.
        `ahead`: the rows do not care for what a session has left for later, and are written before it. What
        they point at must have been flushed.
        """
        self._ahead = ahead
        self._keys = keys or {}
        self._replaces = replaces
        self._names = list(names)
        self._table = table
        self._empty = empty
        self._of = {name: table.c[name] for name in names}
        self._of |= {name: table.c[key] for key, name in self._keys.items()}
        self._statement = Statement(
            lambda dialect: self._all() if dialect == "postgresql" else self._each()
        )

    def write(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows; each names all columns but those that it may leave out."""
        if not rows:
            return
        one_by_one = session.get_bind().dialect.name != "postgresql"
        if self._empty is not None:
            # PostgreSQL takes what JSON does not name for NULL, and has less to read.
            empty = dict.fromkeys(self._names) | self._empty if one_by_one else self._empty
            rows = [{**empty, **row} for row in rows]
        if one_by_one:
            self._statement.run(session, rows, ahead=self._ahead)
        else:
            self._statement.run_once(session, {"rows": write_json(rows)}, ahead=self._ahead)

    def _each(self) -> ClauseElement:
        values = {name: bindparam(name, type_=self._of[name].type) for name in self._names}
        if not self._keys:
            return self._replacing(sqlite.insert(self._table).values(values))
        same = (self._table.c[key] == bindparam(name) for key, name in self._keys.items())
        return update(self._table).where(*same).values(values)

    def _all(self) -> ClauseElement:
        rows = cast(bindparam("rows", type_=Text), JSON)
        columns = (column(name, found.type) for name, found in self._of.items())
        given = func.json_to_recordset(rows).table_valued(*columns, name="given")
        given = given.render_derived(with_types=True)
        values = {name: given.c[name] for name in self._names}
        if not self._keys:
            chosen = select(*values.values())
            return self._replacing(postgresql.insert(self._table).from_select(self._names, chosen))
        same = (self._table.c[key] == given.c[name] for key, name in self._keys.items())
        return update(self._table).where(*same).values(values)

    def _replacing(self, insertion: sqlite.Insert | postgresql.Insert) -> ClauseElement:
        if not self._replaces:
            return insertion
        others = {name: insertion.excluded[name] for name in self._names if name not in self._replaces}
        return insertion.on_conflict_do_update(index_elements=list(self._replaces), set_=others)


class _Compiled:
    """The text of a statement, and how values become what the driver takes and gives."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        if dialect.name == "postgresql":
            by_place: Any = PGDialect_psycopg
            dialect = by_place(paramstyle="format", json_serializer=write_json)
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.sql = compiled.string
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        # What the statement itself names, such as a status, is given along with each row.
        fixed = {bind.key: bind.effective_value for bind in binds if not bind.required}
        #: What the driver is given for one row.
        self.one = _converter(((bind.key, _to_driver(bind.type, dialect)) for bind in binds), fixed)
        found = enumerate(getattr(statement, "selected_columns", ()))
        self._taken = _converter((place, _from_driver(one.type, dialect)) for place, one in found)

    def read(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows of the driver as rows of ours."""
        return [self._taken(row) for row in rows]


def _converter(
    parts: Iterable[tuple[str | int, Process | None]], fixed: Mapping[str, Any] = MappingProxyType({})
) -> Convert:
    """A function that makes a tuple of these parts of a row, each through its process unless it is None.

    Written out for the statement, as `namedtuple` does it: a loop over the parts takes thrice as long, and
    a message has some hundred of them. `fixed` are parts that are the same for every row.
    """
    names: dict[str, Any] = {}
    written = []
    for place, (part, process) in enumerate(parts):
        if isinstance(part, str) and part in fixed:
            value = fixed[part]
            names[f"value{place}"] = value if process is None or value is None else process(value)
            written.append(f"value{place}")
        elif process is None:
            written.append(f"row[{part!r}]")
        else:
            names[f"process{place}"] = process
            written.append(f"None if (value := row[{part!r}]) is None else process{place}(value)")
    source = f"lambda row: ({''.join(f'{one}, ' for one in written)})"
    made: Convert = eval(source, names)  # noqa: S307
    return made


def _to_driver(type_: TypeEngine[Any], dialect: Dialect) -> Process | None:
    """As SQLAlchemy's own, but without the layers around what is simple."""
    if isinstance(type_, CleanText):
        return clean
    if dialect.name == "sqlite":
        if isinstance(type_, Uuid):
            return _as_hex
        if isinstance(type_, UtcDateTime):
            return _written
        if isinstance(type_, CleanJson):
            return write_json
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(type_: TypeEngine[Any], dialect: Dialect) -> Process | None:
    if isinstance(type_, CleanText):
        return None
    if dialect.name == "sqlite":
        if isinstance(type_, Uuid):
            return _from_hex
        if isinstance(type_, UtcDateTime):
            return _read
        if isinstance(type_, CleanJson):
            return _from_json
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _as_hex(value: UUID) -> str:
    return f"{value.int:032x}"  # As `value.hex`, in a third of its time.


def _from_hex(value: str) -> UUID:
    return UUID(int=int(value, 16))


def _from_json(value: Any) -> Any:
    # What is a number is one to SQLite, too, however it was written.
    return read_json(value) if isinstance(value, str) else value


@lru_cache(64)  # Most times that are written together are the same.
def _written(value: datetime) -> str:
    if value.tzinfo is UTC:  # As nearly always; the rest of the text is "+00:00".
        return value.isoformat(" ", "microseconds")[:26]
    if value.tzinfo is None:
        raise ValueError(f"expected an aware time, got {value!r}")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _read(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)
