"""The clock: due work is done once a second, by one process, and another takes over when that one dies."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from crm_store.db import Database
from crm_store.messages import Policy
from parley import house as houses
from parley.clock import Clock
from tests.parley.tiny import NOW, tiny_house, until_true


class Counting:
    """A tick that counts itself."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, session: Session, now: datetime) -> set[str]:
        session.execute(select(1))
        self.times += 1
        return {"shop"}


def clock_of(database: Database, queued: list[str] | None = None, **ticks: Counting) -> Clock:
    told = [] if queued is None else queued
    return Clock(database, ticks, told.append, lambda: NOW)


def lose_connections(database: Database) -> None:
    """End every connection to the database but our own, as a killed process or a restart would."""
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    fresh = Database(str(database.engine.url.render_as_string(hide_password=False)).replace("+psycopg", ""))
    with fresh.engine.connect() as connection:
        connection.execute(others)
    fresh.close()


def test_a_tick_tells_which_channels_have_something_to_send(database: Database) -> None:
    tick, queued = Counting(), list[str]()
    assert asyncio.run(clock_of(database, queued, tick=tick).beat())
    assert (tick.times, queued) == (1, ["shop"])


def test_a_tick_that_fails_costs_the_others_nothing(database: Database) -> None:
    def failing(session: Session, now: datetime) -> set[str]:
        raise LookupError("nothing there")

    good = Counting()
    clock = Clock(database, {"bad": failing, "good": good}, lambda _: None, lambda: NOW)
    assert asyncio.run(clock.beat())
    assert good.times == 1


def test_of_two_processes_one_ticks(postgres_url: str) -> None:
    one, other = Database(postgres_url), Database(postgres_url)
    first, second = Counting(), Counting()

    async def main() -> None:
        a, b = clock_of(one, tick=first), clock_of(other, tick=second)
        assert await a.beat()
        assert not await b.beat()
        assert await a.beat()

    asyncio.run(main())
    assert (first.times, second.times) == (2, 0)
    one.close()
    other.close()


def test_who_has_lost_the_connection_ticks_no_more_and_another_takes_over(postgres_url: str) -> None:
    one, other = Database(postgres_url), Database(postgres_url)
    first, second = Counting(), Counting()

    async def main() -> None:
        a, b = clock_of(one, tick=first), clock_of(other, tick=second)
        assert await a.beat()
        lose_connections(one)
        assert await b.beat()
        assert not await a.beat()

    asyncio.run(main())
    assert (first.times, second.times) == (1, 1)
    one.close()
    other.close()


def test_a_connection_that_was_made_anew_does_not_pass_for_the_lock(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.alone("a thing") as alone:
        assert alone.check()
        lose_connections(database)
        assert alone._connection is not None
        with pytest.raises(OperationalError):
            alone._connection.execute(select(func.now()))
        alone._connection.rollback()
        assert alone._connection.execute(select(func.now())).scalar()  # on another connection
        assert not alone.check()
        assert not alone
    database.close()


def test_a_stop_finishes_the_tick_that_is_running(database: Database) -> None:
    begun, gate, done = threading.Event(), threading.Event(), threading.Event()

    def slow(session: Session, now: datetime) -> set[str]:
        begun.set()
        assert gate.wait(30)
        done.set()
        return set()

    async def main() -> None:
        clock = Clock(database, {"slow": slow}, lambda _: None, lambda: NOW)
        running = asyncio.create_task(clock.run())
        await until_true(begun.is_set)
        running.cancel()
        await asyncio.wait([running], timeout=0.05)
        assert not running.done()
        gate.set()
        await asyncio.wait([running], timeout=30)
        assert running.cancelled()

    asyncio.run(main())
    assert done.is_set()


def test_long_work_is_done_in_pieces_until_nothing_is_left(database: Database) -> None:
    left = [3, 2, 1, 0]

    def piece(session: Session, now: datetime) -> bool:
        session.execute(select(1))
        return left.pop(0) > 0

    clock = Clock(database, {}, lambda _: None, lambda: NOW, {"piece": piece})
    assert asyncio.run(clock.beat())
    assert left == []


def test_a_piece_that_fails_is_tried_with_the_next_beat(database: Database) -> None:
    times = 0

    def piece(session: Session, now: datetime) -> bool:
        nonlocal times
        times += 1
        raise LookupError("nothing there")

    async def main() -> None:
        clock = Clock(database, {}, lambda _: None, lambda: NOW, {"piece": piece})
        assert await clock.beat()
        assert await clock.beat()

    asyncio.run(main())
    assert times == 2


def test_an_open_house_ticks(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tick = Counting()
    monkeypatch.setattr(houses, "TICKS", {"tick": tick})

    async def main() -> None:
        async with tiny_house(database_url, tmp_path, Policy()):
            await until_true(lambda: tick.times >= 2)

    asyncio.run(main())


def test_a_beat_tidies_up_and_goes_on_where_that_fails(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(sqlite_url)
    log = Path(f"{database.engine.url.database}-wal")
    with database.writing() as session:
        session.execute(text("CREATE TABLE big (words TEXT)"))
        session.execute(text("INSERT INTO big VALUES (:words)"), {"words": "x" * 100_000})
    written = Path(str(database.engine.url.database)).stat().st_size
    assert log.stat().st_size > 100_000
    clock = clock_of(database)
    assert asyncio.run(clock.beat())
    assert Path(str(database.engine.url.database)).stat().st_size > written + 90_000

    def fail(_: Database) -> None:
        raise LookupError("no room on the disk")

    monkeypatch.setattr(Database, "tidy", fail)
    assert asyncio.run(clock.beat())
    database.close()
