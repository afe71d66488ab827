"""PostgreSQL databases for tests: lent empty and migrated, emptied when they come back.

To drop a database makes the whole server write a checkpoint, which takes longer than most tests. So only
what a test has filled or changed beyond use is dropped. And a new connection has to read the catalogue,
which takes longer than to empty everything: the one that empties a database is kept.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from crm_store.db import Database
from crm_store.migrating import upgrade

SERVER = os.environ.get("PARLEY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
MOST_ROWS = 2000  # that may be deleted before the rest of them is in the way of the next test
SHAPE = """
    SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
        SELECT concat_ws(':', relname, relkind, attname, atttypid, atttypmod, attnotnull) AS part
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT concat_ws(':', conname, contype) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(':', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT version_num FROM alembic_version
    ) AS parts
"""
CLOSE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
RESTART = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


def address(name: str) -> str:
    """The address of a database."""
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))


Connection = psycopg.Connection[Any]


class Postgres:
    """The databases of one run; `close` drops them."""

    def __init__(self) -> None:
        self._template = ""
        self._shape = ""
        self._first_rows: dict[str, bytes] = {}
        self._free: list[str] = []
        self._connections: dict[str, Connection] = {}
        self._keeps = True

    def lend(self) -> str:
        """The name of an empty, migrated database."""
        if self._free:
            return self._free.pop()
        if not self._template:
            self._template = _new_name()
            _on_server("CREATE DATABASE {} TEMPLATE template0", self._template)
            _migrate(address(self._template))
            with psycopg.connect(address(self._template)) as connection:
                self._shape = _shape(connection)
                self._first_rows = _read_first_rows(connection)
        name = _new_name()
        _on_server("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        # A commit need not reach the disk: nobody pulls the plug of a test.
        _on_server("ALTER DATABASE {} SET synchronous_commit = off", name)
        return name

    def take_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it if it is no longer as it was lent."""
        kept = name in self._connections
        as_lent = self._empty(name)
        if as_lent is None and kept:
            as_lent = self._empty(name)  # The test has cut our connection, as it may.
        if not (as_lent and self._keeps):
            self._disconnect(name)
        if as_lent:
            self._free.append(name)
        else:
            _on_server("DROP DATABASE {} WITH (FORCE)", name)

    @contextmanager
    def unconnected(self) -> Iterator[None]:
        """Nobody but the test itself is connected to what is lent meanwhile."""
        for name in list(self._connections):
            self._disconnect(name)
        self._keeps = False
        yield
        self._keeps = True

    def close(self) -> None:
        """Drop what is left."""
        for name in list(self._connections):
            self._disconnect(name)
        for name in filter(None, [*self._free, self._template]):
            _on_server("DROP DATABASE {} WITH (FORCE)", name)

    def _empty(self, name: str) -> bool | None:
        """Whether the database is as it was lent now; None if that could not even be tried."""
        try:
            if name not in self._connections:
                self._connections[name] = psycopg.connect(address(name), autocommit=True)
            connection = self._connections[name]
            return _empty(connection, self._first_rows) <= MOST_ROWS and _shape(connection) == self._shape
        except psycopg.Error:
            self._disconnect(name)
            return None

    def _disconnect(self, name: str) -> None:
        if name in self._connections:
            self._connections.pop(name).close()


def _on_server(statement: str, *names: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _new_name() -> str:
    return f"parley_test_{uuid.uuid4().hex}"


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        upgrade(database)
    finally:
        database.close()


def _shape(connection: Connection) -> str:
    """What tells one schema from another."""
    found = connection.execute(SHAPE).fetchone()
    assert found
    return str(found[0])


def _read_first_rows(connection: Connection) -> dict[str, bytes]:
    """The rows that every database begins with, of each table that has some, as COPY writes them."""
    rows: dict[str, bytes] = {}
    for (table,) in connection.execute(TABLES).fetchall():
        with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
            rows[table] = b"".join(map(bytes, copy))
    return {table: text for table, text in rows.items() if text}


def _empty(connection: Connection, first_rows: dict[str, bytes]) -> int:
    """Delete all rows but the first, with whoever still holds one; returns how many were deleted."""
    with connection.transaction():
        connection.execute(CLOSE)
        # Whichever row points to which other.
        connection.execute("SET LOCAL session_replication_role = replica")
        deletes = [
            sql.SQL("DELETE FROM {}").format(sql.Identifier(table))
            for (table,) in connection.execute(TABLES)
        ]
        deleted = connection.execute(sql.SQL(";").join(deletes))
        rows = deleted.rowcount
        while deleted.nextset():
            rows += deleted.rowcount
        for table, text in first_rows.items():
            back = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            with connection.cursor().copy(back) as copy:
                copy.write(text)
        connection.execute(RESTART)
    return rows
