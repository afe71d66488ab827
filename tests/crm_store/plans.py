"""The way a database takes to what it is asked: seen at the driver, which all queries pass."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy
from sqlmodel import Session

from crm_store.db import Database

ASKS = ("SELECT", "WITH", "UPDATE", "DELETE")
Steps = list[tuple[str, str]]  # a step of a plan, and the statement


@contextmanager
def explained(database: Database) -> Iterator[Steps]:
    """The steps of all queries that are made meanwhile. Connections are made anew for it."""
    steps: Steps = []
    spied = _in_sqlite(steps) if database.is_sqlite else _in_postgres(steps)

    def connect(_dialect: Any, _record: Any, _words: Any, options: dict[str, Any]) -> None:
        options.update(spied)

    database.engine.dispose()
    sqlalchemy.event.listen(database.engine, "do_connect", connect)
    try:
        yield steps
    finally:
        sqlalchemy.event.remove(database.engine, "do_connect", connect)
        database.engine.dispose()


def plans_of(database: Database, work: Callable[[Session], object]) -> Steps:
    """The steps of all that the work asks, in a transaction of its own."""
    with explained(database) as steps, database.writing() as session:
        work(session)
    return steps


def _in_sqlite(steps: Steps) -> dict[str, Any]:
    class Spy(sqlite3.Cursor):
        def execute(self, statement: str, values: Any = ()) -> Any:
            if statement.lstrip().startswith(ASKS):
                self._explain(statement, values)
            return super().execute(statement, values)

        def executemany(self, statement: str, rows: Any) -> Any:
            given = list(rows)
            if given and statement.lstrip().startswith(ASKS):
                self._explain(statement, given[0])
            return super().executemany(statement, given)

        def _explain(self, statement: str, values: Sequence[Any]) -> None:
            raw = sqlite3.Cursor(self.connection)
            raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            steps.extend((str(row[-1]), statement) for row in raw.fetchall())

    class Spying(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            return Spy(self)

    return {"factory": Spying}


def _in_postgres(steps: Steps) -> dict[str, Any]:
    class Spy(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            if isinstance(query, str) and query.lstrip().startswith(ASKS):
                raw = psycopg.Cursor(self.connection)
                raw.execute(f"EXPLAIN {query}".encode(), params)
                steps.extend((str(row[-1]), query) for row in raw.fetchall())
            return super().execute(query, params, **more)

    return {"cursor_factory": Spy}
