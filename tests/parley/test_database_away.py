"""While the database is away a message is held, and then the platform is made to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from crm_store.messages import Policy
from crm_store.recording import take_in
from parley import rounds
from tests.parley.tiny import tiny_house, until_true

AWAY = OperationalError("INSERT", {}, Exception("the server closed the connection"))


class Road:
    """The way to the database: closed while `away`."""

    def __init__(self) -> None:
        self.away = True
        self.fault: Exception = AWAY
        self.tries = 0

    def record(self, *given: Any, **named: Any) -> Any:
        self.tries += 1
        if self.away:
            raise self.fault
        return take_in(*given, **named)


@contextmanager
def closed_road(hold_seconds: float) -> Iterator[Road]:
    """Nothing can be recorded until the road is opened; webhooks are held so long."""
    road = Road()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "take_in", road.record)
        patch.setattr(rounds, "HOLD_SECONDS", hold_seconds)
        yield road


def test_a_message_is_held_until_the_database_is_back(database_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with closed_road(20) as road:
            async with tiny_house(database_url, tmp_path, Policy(inline_within=20)) as tiny:
                asking = asyncio.create_task(tiny.ask("ann", "1", "hello"))
                await until_true(lambda: road.tries > 2)
                road.away = False
                assert await asking == "re hello"

    asyncio.run(main())


@pytest.mark.parametrize("fault", [AWAY, LookupError("a fault of our own")])
def test_a_platform_that_shows_errors_gets_no_answer_instead_of_one(
    sqlite_url: str, tmp_path: Path, fault: Exception
) -> None:
    async def main() -> None:
        policy = Policy(inline_within=4, gives_up_after=60)
        with closed_road(0.1) as road:
            road.fault = fault
            async with tiny_house(sqlite_url, tmp_path, policy) as tiny:
                first = tiny.request("ann", "1", "hello")
                asking = asyncio.create_task(first.run())
                await asyncio.wait([asking], timeout=0.5)
                assert not asking.done()
                first.hang_up()
                assert await asking is None
                road.away = False
                assert await tiny.ask("ann", "1", "hello") == "re hello"

    asyncio.run(main())


def test_any_other_platform_is_asked_to_try_again(sqlite_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with closed_road(0.1):
            async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
                request = tiny.request("ann", "1", "hello")
                await request.run()
                assert request.status == 503

    asyncio.run(main())
