"""Statements that are compiled once fail as all others do, and say nothing of what they were given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from crm_store import customers
from crm_store.customers import Customer
from crm_store.db import Database, new_id
from crm_store.statements import Rows

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CUSTOMERS = SQLModel.metadata.tables[str(Customer.__tablename__)]
MEET = Rows(CUSTOMERS, ("id", "display_name", "language", "created_at", "updated_at"))


def test_a_row_that_may_not_be_is_refused_without_a_word_of_what_stands_in_it(database: Database) -> None:
    row = {
        "id": new_id(),
        "display_name": "Wang Mimi",
        "language": "zh",
        "created_at": NOW,
        "updated_at": NOW,
    }
    with pytest.raises(IntegrityError) as caught, database.writing() as session:
        MEET.write(session, [row, row])
    assert "INSERT INTO customers" in str(caught.value)
    assert "Parameters" not in str(caught.value) or "hidden" in str(caught.value)
    assert caught.value.params is None
    with database.reading() as session:
        assert session.get(Customer, row["id"]) is None


def test_a_connection_that_is_gone_is_not_used_again(postgres_url: str) -> None:
    database = Database(postgres_url)
    row = {"id": new_id(), "display_name": "", "language": "", "created_at": NOW, "updated_at": NOW}

    def write_on_a_cut_line() -> None:
        with database.writing() as session:
            backend = session.execute(text("SELECT pg_backend_pid()")).scalar()
            with database.writing() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
            MEET.write(session, [row])

    thrown_away = list[object]()
    event.listen(database.engine, "invalidate", lambda *given: thrown_away.append(given))
    with pytest.raises(DBAPIError) as caught:
        write_on_a_cut_line()
    assert caught.value.connection_invalidated
    assert thrown_away
    with database.writing() as session:
        MEET.write(session, [row])
    database.close()


@pytest.mark.parametrize("value", [41, 1.5, True, None, "41", "", [1, "a"], {"a": None}])
def test_a_value_comes_back_as_it_was_written(database: Database, value: Any) -> None:
    with database.writing() as session:
        customer = Customer(created_at=NOW, updated_at=NOW)
        session.add(customer)
        session.flush()
        customers.set_attribute(session, customer.id, "size", value, source="import", now=NOW)
        assert customers.find_value(session, customer.id, "size") == value
        assert customers.facts_of(session, [customer.id]) == [(customer.id, "size", value)]
