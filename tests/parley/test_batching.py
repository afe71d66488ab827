"""Group commit: what waits goes together, in order, and a bad item fails alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from parley.batching import Batcher
from tests.parley.tiny import until_true


def test_what_waits_is_done_together_and_in_order() -> None:
    batches: list[list[int]] = []
    started, gate = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        started.set()
        gate.wait(30)
        return [item * 2 for item in items]

    async def main() -> list[int]:
        batcher = Batcher(work)
        first = asyncio.create_task(batcher.do(0))
        await asyncio.to_thread(started.wait, 5)
        others = [asyncio.create_task(batcher.do(n)) for n in range(1, 50)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(main()) == [n * 2 for n in range(50)]
    assert batches == [[0], list(range(1, 50))]


def test_no_batch_is_larger_than_the_most() -> None:
    sizes: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return list(items)

    async def main() -> None:
        batcher = Batcher(work, most=10)
        await asyncio.gather(*(batcher.do(n) for n in range(35)))
        await batcher.drain()

    asyncio.run(main())
    assert max(sizes) == 10
    assert sum(sizes) == 35


def test_a_bad_item_fails_alone() -> None:
    def work(items: Sequence[int]) -> list[int]:
        if 7 in items:
            raise ValueError("seven")
        return list(items)

    async def main() -> list[object]:
        batcher = Batcher(work)
        return await asyncio.gather(*(batcher.do(n) for n in range(10)), return_exceptions=True)

    results = asyncio.run(main())
    assert isinstance(results[7], ValueError)
    assert [r for r in results if not isinstance(r, ValueError)] == [n for n in range(10) if n != 7]


def test_who_stops_waiting_disturbs_nobody() -> None:
    gate = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        gate.wait(30)
        return list(items)

    async def main() -> int:
        batcher = Batcher(work)
        gone = asyncio.create_task(batcher.do(1))
        stays = asyncio.create_task(batcher.do(2))
        await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(main()) == 2


class Away(Exception):
    """What all of a batch depends on is away."""


def test_what_waits_is_tried_in_its_order_until_what_was_away_is_back() -> None:
    tries, done = list[list[int]](), list[int]()

    def work(items: Sequence[int]) -> list[int]:
        tries.append(list(items))
        if len(tries) < 4:
            raise Away
        done.extend(items)
        return list(items)

    async def main() -> list[int]:
        batcher = Batcher(work, for_all=(Away,), patience=30)
        first = [asyncio.create_task(batcher.do(n)) for n in (1, 2)]
        await until_true(lambda: tries)
        return await asyncio.gather(*first, batcher.do(3))

    assert asyncio.run(main()) == [1, 2, 3]
    assert done == [1, 2, 3]


def test_nothing_is_tried_for_longer_than_it_may_wait_or_than_somebody_waits() -> None:
    tries = list[list[int]]()

    def work(items: Sequence[int]) -> list[int]:
        tries.append(list(items))
        raise Away

    async def main() -> None:
        batcher = Batcher(work, for_all=(Away,), patience=0)
        with pytest.raises(Away):
            await batcher.do(1)
        patient = Batcher(work, for_all=(Away,), patience=30)
        gone = asyncio.create_task(patient.do(2))
        await until_true(lambda: len(tries) > 1)
        gone.cancel()
        await patient.drain()

    asyncio.run(main())
    assert tries.count([1]) == 1
    assert 0 < tries.count([2]) < 5


def test_who_is_in_a_hurry_is_told_when_the_time_is_over_though_the_work_goes_on() -> None:
    gate, done = threading.Event(), list[int]()

    def work(items: Sequence[int]) -> list[int]:
        gate.wait(30)
        done.extend(items)
        return list(items)

    async def main() -> None:
        batcher = Batcher(work, patience=0.05)
        calm = asyncio.create_task(batcher.do(1))
        hurried = [asyncio.create_task(batcher.do(n, hurried=True)) for n in (2, 3)]
        for one in hurried:
            with pytest.raises(TimeoutError):
                await one
        assert not calm.done()
        gate.set()
        assert await calm == 1
        assert await batcher.do(4, hurried=True) == 4  # The clock of those before is not its own.

    asyncio.run(main())
    assert done[0] == 1
    assert done[-1] == 4
