"""What is sent and not waited for: who looks finds it, in its order, and its errors are told."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, func, select, text, values
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, OperationalError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, SQLModel

from crm_store.customers import Customer
from crm_store.db import Database, new_id
from crm_store.statements import Rows, Statement
from crm_store.writing import write_later

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CUSTOMERS = SQLModel.metadata.tables[str(Customer.__tablename__)]
MEET = Rows(CUSTOMERS, ("id", "display_name", "language", "created_at", "updated_at"))
NAME = Rows(CUSTOMERS, ("display_name",), {"id": "of_id"})
NAMES = Statement(lambda _dialect: select(CUSTOMERS.c.id, CUSTOMERS.c.display_name))
BY_ORM = select(Customer)
COUNT = select(func.count()).select_from(CUSTOMERS)
FAULT = Statement(lambda _dialect: text("SELECT 1 / (count(*) - count(*)) FROM customers"))


@pytest.fixture
def house(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    yield database
    database.close()


def row(name: str = "", id_: UUID | None = None) -> dict[str, Any]:
    return {
        "id": id_ or new_id(),
        "display_name": name,
        "language": "",
        "created_at": NOW,
        "updated_at": NOW,
    }


def sends(session: Session) -> bool:
    """Whether something may be under way that nobody has waited for."""
    driver = session.connection().connection.dbapi_connection
    assert driver is not None
    return bool(driver.pgconn.pipeline_status)


def lent(database: Database) -> int:
    """How many connections nobody has given back."""
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def count(database: Database) -> int:
    with database.reading() as session:
        assert not sends(session)
        return int(session.execute(COUNT).scalar_one())


def test_what_was_sent_is_there_for_whoever_looks_next(house: Database) -> None:
    mia = row("Mia")
    with house.writing() as session:
        MEET.write(session, [mia])
        assert sends(session)
        before = NAMES.ask(session)
        NAME.write(session, [{"of_id": mia["id"], "display_name": "Mia 🍵"}])
        after = NAMES.ask(session)
        assert after() == [(mia["id"], "Mia 🍵")]
        assert before() == [(mia["id"], "Mia")]
        NAME.write(session, [{"of_id": mia["id"], "display_name": "小林"}])
        assert session.execute(text("SELECT display_name FROM customers")).scalar_one() == "小林"
        assert not sends(session)
        NAME.write(session, [{"of_id": mia["id"], "display_name": "林"}])
    with house.reading() as session:
        assert NAMES.fetch(session) == [(mia["id"], "林")]


@pytest.mark.parametrize("waits_by", ["asking", "fetching", "the session", "the commit"])
def test_an_error_is_raised_when_something_is_waited_for_and_names_what_was_sent(
    house: Database, waits_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    same = row("Wang Mimi")

    def write_twice() -> None:
        with house.writing() as session:
            MEET.write(session, [row("Anna")])
            MEET.write(session, [same, same])
            NAME.write(session, [{"of_id": same["id"], "display_name": "never"}])
            if waits_by == "asking":
                NAMES.ask(session)()
            elif waits_by == "fetching":
                NAMES.fetch(session)
            elif waits_by == "the session":
                session.execute(COUNT)

    with pytest.raises(IntegrityError) as caught:
        write_twice()
    assert "INSERT INTO customers" in str(caught.value)
    assert "Mimi" not in str(caught.value)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert count(house) == 0
    with house.writing() as session:
        MEET.write(session, [same])
    assert count(house) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_an_error_of_the_house_takes_back_what_was_sent(house: Database, times: int) -> None:
    same = row()

    def write_and_fail() -> None:
        with house.writing() as session:
            MEET.write(session, [same] * times)  # Twice: an error that nobody gets to know.
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert count(house) == 0


def test_what_comes_after_an_error_that_somebody_swallows_meets_a_failed_transaction(
    house: Database,
) -> None:
    same = row()

    def swallow_and_go_on() -> None:
        with house.writing() as session:
            MEET.write(session, [same, same])
            with suppress(IntegrityError):
                NAMES.fetch(session)
            MEET.write(session, [row()])

    # Not an OperationalError, which would say that the database is away.
    with pytest.raises(InternalError, match="InFailedSqlTransaction"):
        swallow_and_go_on()
    assert count(house) == 0


@pytest.mark.parametrize("by", ["savepoint", "question"])
def test_an_error_that_somebody_swallows_last_is_raised_by_the_commit(house: Database, by: str) -> None:
    same = row()

    def swallow_and_end() -> None:
        with house.writing() as session:
            MEET.write(session, [row(), same, same])
            with suppress(IntegrityError):
                if by == "savepoint":
                    with session.begin_nested():
                        session.execute(COUNT)
                else:
                    NAMES.fetch(session)

    with pytest.raises(IntegrityError):
        swallow_and_end()
    assert count(house) == 0


def test_a_commit_by_hand_that_meets_an_error_leaves_no_failed_transaction_behind(house: Database) -> None:
    same = row()

    def commit_by_hand() -> None:
        with house.writing() as session:
            MEET.write(session, [same, same])
            session.commit()

    with pytest.raises(IntegrityError):
        commit_by_hand()
    assert count(house) == 0
    with house.writing() as session:
        MEET.write(session, [same])
    assert count(house) == 1


def test_within_a_savepoint_everything_is_waited_for(house: Database) -> None:
    kept, same = row("kept"), row()
    with house.writing() as session:
        MEET.write(session, [kept])
        with suppress(IntegrityError), session.begin_nested():
            MEET.write(session, [row("taken back")])
            assert not sends(session)
            MEET.write(session, [same, same])
        NAME.write(session, [{"of_id": kept["id"], "display_name": "still"}])
    with house.reading() as session:
        assert NAMES.fetch(session) == [(kept["id"], "still")]


def test_who_commits_by_hand_sends_nothing_on_a_connection_that_was_given_back(house: Database) -> None:
    with house.writing() as session:
        MEET.write(session, [row()])
        session.commit()
        assert count(house) == 1
    assert lent(house) == 0
    assert count(house) == 1


def test_a_server_that_goes_away_meanwhile_is_told_as_such(
    house: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def write_on_a_cut_line() -> None:
        with house.writing() as session:
            backend = session.execute(text("SELECT pg_backend_pid()")).scalar()
            MEET.write(session, [row()])
            with house.writing() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
            NAMES.ask(session)()

    with pytest.raises(OperationalError) as caught:
        write_on_a_cut_line()
    assert caught.value.connection_invalidated
    assert count(house) == 0
    del caught  # With it goes what the error holds: what was not ended would say so now.
    gc.collect()
    assert not [one for one in caplog.records if one.name.startswith("psycopg")]
    assert lent(house) == 0


def test_what_goes_ahead_leaves_for_later_what_was_left_and_who_looks_finds_both(
    database: Database,
) -> None:
    ahead = Rows(CUSTOMERS, tuple(row()), ahead=True)
    written = list[str]()

    def write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
        written.append("later")
        MEET.write(session, rows)

    with database.writing() as session:
        write_later(session, write, 1, row("later"))
        ahead.write(session, [row("ahead")])
        assert written == []
        assert sorted(name for _, name in NAMES.fetch(session)) == ["ahead", "later"]
        write_later(session, write, 1, row("last"))
        ahead.write(session, [row("ahead")])
        assert written == ["later"]
    assert written == ["later", "later"]
    with database.reading() as session:
        assert sorted(name for _, name in NAMES.fetch(session)) == ["ahead", "ahead", "last", "later"]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_way_rows_are_written_and_read_they_are_what_a_dictionary_says(
    house: Database, seed: int
) -> None:
    random, committed = Random(seed), dict[UUID, str]()
    for _ in range(6):
        with suppress(DBAPIError, ZeroDivisionError), house.writing() as session:
            known = _play(session, random, dict(committed))
            session.flush()
            if random.random() < 0.2:
                raise ZeroDivisionError
            if random.random() < 0.2:
                FAULT.run_once(session, {})
                known = dict(committed)
            committed = known
        with house.reading() as session:
            assert dict(NAMES.fetch(session)) == committed
    assert lent(house) == 0


def _play(session: Session, random: Random, known: dict[UUID, str]) -> dict[UUID, str]:
    asked = []
    for number in range(random.randint(1, 12)):
        match random.choice(["meet", "name", "name", "ask", "fetch", "orm", "core", "later"]):
            case "meet":
                new = [row(f"{number}") for _ in range(random.randint(1, 3))]
                MEET.write(session, new)
                known |= {one["id"]: one["display_name"] for one in new}
            case "name" if known:
                one = random.choice(list(known))
                known[one] = f"named {number}"
                NAME.write(session, [{"of_id": one, "display_name": known[one]}])
            case "later" if known:
                one = random.choice(list(known))
                found = session.get(Customer, one, populate_existing=True)
                assert found
                assert found.display_name == known[one]
                found.display_name = known[one] = f"by its object {number}"
                session.add(found)
                session.flush()
            case "ask":
                asked.append((NAMES.ask(session), dict(known)))
            case "fetch":
                assert dict(NAMES.fetch(session)) == known
            case "orm":
                found_all = session.execute(BY_ORM.execution_options(populate_existing=True)).scalars()
                assert {one.id: one.display_name for one in found_all} == known
            case "core":
                one_row = select(values(column("n"), name="v").data([(1,)]))
                assert session.execute(one_row).scalar_one() == 1
        for answer, then in random.sample(asked, len(asked) // 2):
            assert dict(answer()) == then
            asked = [pair for pair in asked if pair[0] is not answer]
    for answer, then in asked:
        assert dict(answer()) == then
    return known
