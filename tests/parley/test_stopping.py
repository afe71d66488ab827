"""Nothing that was in hand at a stop or fell between two rounds of work is forgotten."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from bots.base import Channel
from crm_store import conversations
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Policy
from crm_store.outbox import Outgoing
from parley.app import create_app
from parley.worked import Worked
from parley.workers import Worker
from tests.parley.tiny import Ear, Pigeon, fetch, tiny_house, until_true


class Steady(Pigeon):
    """A channel that polls, and once meets a database that is away."""

    def __init__(self, name: str) -> None:
        super().__init__(name, Policy())
        self.ran, self.fails = asyncio.Event(), asyncio.Event()

    @property
    def polls(self) -> bool:
        return True

    async def run(self) -> None:
        self.ran.set()
        await self.fails.wait()
        self.fails.clear()
        raise OperationalError("INSERT", {}, Exception("away"))


class Dying(Steady):
    """A channel whose polling ends with an error of its own."""

    async def run(self) -> None:
        self.ran.set()
        raise RuntimeError("this part has died")


def statuses(url: str) -> list[str]:
    """Of all that was written to customers."""
    database = Database(url)
    with database.reading() as session:
        query = select(Message.status).where(Message.direction == "out").order_by(col(Message.seq))
        found = list(session.exec(query))
    database.close()
    return found


def test_what_was_just_taken_for_sending_at_a_stop_is_still_sent_after_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    taken, gate = threading.Event(), threading.Event()

    async def main() -> None:
        async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
            take = tiny.house.delivery._start_sending

            def take_slowly(
                channel: Channel, room: int, answers: int, pushes: int
            ) -> tuple[list[Outgoing], int]:
                found = take(channel, room, answers, pushes)
                if found[0]:
                    taken.set()
                    assert gate.wait(30)
                return found

            tiny.house.delivery._start_sending = take_slowly  # type: ignore[method-assign]
            await tiny.ask("anna", "1", "hello")
            assert await asyncio.to_thread(taken.wait, 10)
            stopping = asyncio.create_task(tiny.house.stop())
            await asyncio.sleep(0.01)
            gate.set()
            await stopping
            assert tiny.channel.sent == []
        assert statuses(sqlite_url) == ["queued"]
        async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
            await until_true(lambda: statuses(sqlite_url) == ["accepted"])
            assert tiny.channel.sent == ["re hello"]

    asyncio.run(main())


def test_a_house_stops_although_the_database_is_away(sqlite_url: str, tmp_path: Path) -> None:
    looking, gate = threading.Event(), threading.Event()

    def fail(_channel: Channel, _room: int, _answers: int, pushes: int) -> tuple[list[Outgoing], int]:
        looking.set()
        assert gate.wait(30)
        raise OperationalError("SELECT", {}, Exception("away"))

    async def main() -> None:
        async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
            tiny.house.delivery._start_sending = fail  # type: ignore[method-assign, assignment]
            assert await asyncio.to_thread(looking.wait, 10)
            stopping = asyncio.create_task(tiny.house.stop())
            await asyncio.sleep(0.01)
            gate.set()
            async with asyncio.timeout(30):
                await stopping

    asyncio.run(main())


def test_who_loses_the_database_while_polling_can_still_be_stopped_and_polls_again(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.house.POLL_AGAIN_SECONDS", 0.05)

    async def main() -> None:
        steady = Steady("steady")
        async with tiny_house(postgres_url, tmp_path, Policy(), more=[steady]) as tiny:
            await steady.ran.wait()
            with tiny.house.database.engine.connect() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                others += "current_database() AND pid <> pg_backend_pid()"
                connection.execute(text(others))
            steady.ran.clear()
            steady.fails.set()
            await steady.ran.wait()
            assert tiny.house.broken == []
            async with asyncio.timeout(30):
                await tiny.house.stop()

    asyncio.run(main())


def test_an_answer_that_comes_while_stopping_and_that_no_request_takes_is_sent_after_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def main() -> None:
        ear, policy = Ear(remote=True, slow_for="slow"), Policy(inline_within=0.3)
        async with tiny_house(sqlite_url, tmp_path, policy, ear=ear) as tiny:
            assert await tiny.ask("anna", "1", "slow") == ""
            back = tiny.house.delivery._put_back

            def back_slowly(rows: Sequence[Outgoing]) -> None:
                time.sleep(0.2)  # As a disk may take.
                back(rows)

            tiny.house.delivery._put_back = back_slowly  # type: ignore[method-assign]
            stopping = asyncio.create_task(tiny.house.stop())
            await asyncio.sleep(0.01)
            ear.gate.set()
            await stopping
            assert statuses(sqlite_url) == ["queued"]

    asyncio.run(main())


def test_rows_are_put_back_as_soon_as_the_database_is_there_again(sqlite_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        ear, policy = Ear(remote=True, slow_for="slow"), Policy(inline_within=0.3)
        async with tiny_house(sqlite_url, tmp_path, policy, ear=ear) as tiny:
            assert await tiny.ask("anna", "1", "slow") == ""
            back, tries = tiny.house.delivery._put_back, 0

            def away_at_first(rows: Sequence[Outgoing]) -> None:
                nonlocal tries
                tries += 1
                if tries < 3:
                    raise OperationalError("UPDATE", {}, Exception("away"))
                back(rows)

            tiny.house.delivery._put_back = away_at_first  # type: ignore[method-assign]
            ear.gate.set()
            await until_true(lambda: statuses(sqlite_url) == ["accepted"])
            assert (tiny.house.broken, tries) == ([], 3)

    asyncio.run(main())


def test_a_message_that_comes_as_its_conversation_is_let_go_does_not_wait_for_the_lease_to_end(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed, gate, work = threading.Event(), threading.Event(), Worker.work

    def work_and_linger(self: Worker, ids: Sequence[UUID], *more: Any) -> Worked:
        worked = work(self, ids, *more)
        if not committed.is_set():
            committed.set()
            assert gate.wait(30)
        return worked

    monkeypatch.setattr(Worker, "work", work_and_linger)

    async def main() -> None:
        async with tiny_house(sqlite_url, tmp_path, Policy(), ear=Ear(remote=True)) as tiny:
            await tiny.ask("anna", "1", "one")
            assert await asyncio.to_thread(committed.wait, 10)
            await tiny.ask("anna", "2", "two")
            gate.set()
            await until_true(lambda: len(statuses(sqlite_url)) == 3, within=5)

    asyncio.run(main())
    assert timedelta(seconds=5) < conversations.LEASE


def test_a_part_that_dies_makes_the_house_not_ready(database_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        dying = Dying("frail")
        async with tiny_house(database_url, tmp_path, Policy(), more=[dying]) as tiny:
            await dying.ran.wait()
            await until_true(lambda: tiny.house.broken)
            app = create_app(tiny.house)
            status, told = await fetch(app, "/readyz")
            assert (status, json.loads(told)["broken"]) == (503, ["frail"])
            assert await fetch(app, "/healthz") == (200, "ok")
            # What is alive still works, and another process may poll in its place.
            await tiny.ask("anna", "1", "hello")
            await until_true(lambda: tiny.channel.sent == ["re hello"])
            with tiny.house.database.alone("poll frail") as alone:
                assert alone

    asyncio.run(main())
