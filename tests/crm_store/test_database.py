"""SQLite's log, PostgreSQL's connections, and sessions that read or write."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import func, select, text
from sqlmodel import Session, SQLModel

from crm_store.customers import Customer
from crm_store.db import Database, new_id
from crm_store.statements import Rows
from crm_store.writing import write_later

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PAGE = 4096
MANY = 1000  # pages
CUSTOMERS = SQLModel.metadata.tables[str(Customer.__tablename__)]
MEET = Rows(CUSTOMERS, ("id", "display_name", "language", "created_at", "updated_at"))


def write(database: Database, pages: int) -> None:
    """So much that at least so many pages change."""
    row = {"display_name": "茶" * 1000, "language": "", "created_at": NOW, "updated_at": NOW}
    with database.writing() as session:
        MEET.write(session, [{**row, "id": new_id()} for _ in range(pages)])


def test_the_log_is_used_again_once_it_stands_in_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}")
    SQLModel.metadata.create_all(database.engine, tables=[CUSTOMERS])
    log = tmp_path / "parley.db-wal"
    for _ in range(6):
        write(database, MANY * 2)
        database.tidy()
    assert log.stat().st_size < 4 * MANY * PAGE  # of 12 that were written
    assert (tmp_path / "parley.db").stat().st_size > 6 * MANY * PAGE
    database.close()


def test_a_reader_in_the_midst_of_reading_and_a_writer_go_on_meanwhile(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}")
    SQLModel.metadata.create_all(database.engine, tables=[CUSTOMERS])
    write(database, 10)
    count = select(func.count()).select_from(CUSTOMERS)
    with database.reading() as reader:
        assert reader.execute(count).scalar() == 10
        write(database, MANY * 2)
        database.tidy()
        with database.writing() as writer:
            writer.execute(text("UPDATE customers SET language = 'zh'"))
            database.tidy()
        assert reader.execute(count).scalar() == 10
    with database.reading() as reader:
        assert reader.execute(count).scalar() == 10 + MANY * 2
        assert set(reader.execute(select(CUSTOMERS.c.language)).scalars()) == {"zh"}
    database.close()


def test_what_was_only_read_lets_a_connection_keep_its_prepared_statements(postgres_url: str) -> None:
    database = Database(postgres_url)
    for _ in range(8):
        with database.reading() as session:
            session.execute(text("SELECT 'kept'"))
    with database.reading() as session:
        prepared = session.execute(text("SELECT statement FROM pg_prepared_statements")).scalars().all()
    assert "SELECT 'kept'" in prepared
    database.close()


def test_connections_that_a_restart_has_closed_are_made_anew_without_a_word(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.reading() as one, database.reading() as two, database.reading() as three:
        pids = {reader.execute(text("SELECT pg_backend_pid()")).scalar() for reader in (one, two, three)}
    with psycopg.connect(postgres_url, autocommit=True) as other:
        for pid in pids:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    for _ in range(4):
        with database.writing() as session:
            assert session.execute(text("SELECT pg_backend_pid()")).scalar() not in pids
    database.close()


def test_what_is_done_to_objects_that_were_only_read_is_not_written(database: Database) -> None:
    with database.writing() as session:
        session.add(Customer(display_name="Lin", created_at=NOW, updated_at=NOW))
    with database.reading() as session:
        customer = session.scalars(select(Customer)).one()
        customer.display_name = "Mei"
        session.add(Customer(display_name="Bo", created_at=NOW, updated_at=NOW))
    with database.reading() as session:
        assert [one.display_name for one in session.scalars(select(Customer))] == ["Lin"]
    assert customer.display_name == "Mei"  # It can still be used.


def test_what_is_written_later_is_written_together_in_the_order_of_its_keys(database: Database) -> None:
    written = list[list[str]]()

    def write(_session: Session, rows: Sequence[str]) -> None:
        written.append(list(rows))

    with database.writing() as session:
        for key, row in ((2, "first"), (1, "one"), (2, "two")):
            write_later(session, write, key, row)
        assert written == []
        session.connection()
        assert written == [["one", "two"]]
        write_later(session, write, 3, "three")
    assert written == [["one", "two"], ["three"]]
    with suppress(ZeroDivisionError), database.writing() as session:
        write_later(session, write, 4, "four")
        raise ZeroDivisionError
    assert len(written) == 2
