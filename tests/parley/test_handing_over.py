"""What is too much for one process is recorded and left to whoever has room."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from crm_store.messages import Policy
from parley import pipeline
from parley.pipeline import Nobody
from tests.parley.tiny import TinyHouse, tiny_house, until_true


class Told(Nobody):
    """Other processes that can be reached, and what they were told."""

    reachable = True

    def __init__(self) -> None:
        self.ids = set[UUID]()

    def hand_over(self, ids: Collection[UUID]) -> None:
        self.ids.update(ids)


@contextmanager
def full_processes() -> Iterator[None]:
    """No process takes what it has recorded, and no sweep finds it in this test's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "MOST_IN_HAND", 0)
        patch.setattr(pipeline, "SWEEP_SECONDS", 600)
        yield


async def swept(tiny: TinyHouse) -> None:
    """Return when the first sweep, which finds nothing, is over."""
    await asyncio.sleep(0)
    await tiny.ask("nobody", "0", "first")
    await until_true(lambda: tiny.channel.sent)


def test_a_full_process_leaves_a_message_to_others(database_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with full_processes():
            async with tiny_house(database_url, tmp_path, Policy()) as tiny:
                await swept(tiny)
                told = tiny.house.pipeline.others = Told()
                await tiny.ask("ann", "1", "hello")
                assert len(told.ids) == 1
                await tiny.house.pipeline.take_over(told.ids)
                await until_true(lambda: tiny.channel.sent == ["re first", "re hello"])

    asyncio.run(main())


def test_nothing_is_left_to_others_that_cannot_be_reached(sqlite_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with full_processes():
            async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
                told = tiny.house.pipeline.others = Told()
                told.reachable = False
                await tiny.ask("ann", "1", "hello")
                await until_true(lambda: tiny.channel.sent == ["re hello"])
                assert not told.ids

    asyncio.run(main())


def test_what_is_left_to_others_and_lost_is_found_by_a_sweep(sqlite_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with full_processes():
            pipeline.SWEEP_SECONDS = 0.05
            async with tiny_house(sqlite_url, tmp_path, Policy()) as tiny:
                told = tiny.house.pipeline.others = Told()
                await tiny.ask("ann", "1", "hello")
                assert told.ids
                await until_true(lambda: tiny.channel.sent == ["re hello"])

    asyncio.run(main())
