"""Group commit: what waits goes together, in order, and a bad item fails alone."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.batching import ENOUGH, Batcher
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
        first = asyncio.ensure_future(batcher.do(0))
        await asyncio.to_thread(started.wait, 5)
        others = [asyncio.ensure_future(batcher.do(n)) for n in range(1, 50)]
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
        gone = asyncio.ensure_future(batcher.do(1))
        stays = asyncio.ensure_future(batcher.do(2))
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
        first = [asyncio.ensure_future(batcher.do(n)) for n in (1, 2)]
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
        gone = asyncio.ensure_future(patient.do(2))
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
        calm = asyncio.ensure_future(batcher.do(1))
        hurried = [asyncio.ensure_future(batcher.do(n, hurried=True)) for n in (2, 3)]
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


@settings(deadline=None, max_examples=60)
@given(
    at_once=st.integers(1, 3),
    most=st.integers(1, 40),
    arrivals=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 2), st.booleans()), min_size=1, max_size=120
    ),
    away=st.sets(st.integers(0, 20)),
    took=st.lists(st.sampled_from((0.0, 0.001, 0.003)), min_size=1, max_size=8),
)
def test_each_key_keeps_its_order_however_many_batches_are_in_work(
    at_once: int, most: int, arrivals: list[tuple[int, int, bool]], away: set[int], took: list[float]
) -> None:
    lock, in_work, done = threading.Lock(), list[set[int]](), list[tuple[int, int]]()
    tries = 0

    def work(items: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        nonlocal tries
        keys = {key for key, _ in items}
        with lock:
            number, tries = tries, tries + 1
            assert len(items) <= most
            assert not any(keys & others for others in in_work)
            in_work.append(keys)
            assert len(in_work) <= at_once
        time.sleep(took[number % len(took)])
        with lock:
            in_work.remove(keys)
            if number in away:
                raise Away
            done.extend(items)
        return list(items)

    async def main() -> list[tuple[int, int]]:
        batcher = Batcher(
            work, most=most, for_all=(Away,), patience=60, at_once=at_once, key=lambda item: item[0]
        )
        asked = []
        for number, (key, pause, patient) in enumerate(arrivals):
            asked.append(asyncio.ensure_future(batcher.do((key, number), patient=patient)))
            await asyncio.sleep(pause * 0.0005)
        found = await asyncio.gather(*asked)
        await batcher.drain()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parley.batching.AGAIN_SECONDS", 0.0005)
        patch.setattr("parley.batching.LONGEST_PAUSE", 0.002)
        patch.setattr("parley.batching.ENOUGH", 4)
        patch.setattr("parley.batching.NOT_LONGER", 0.002)
        patch.setattr("parley.batching.MANY", 3)
        found = asyncio.run(main())
    wanted = [(key, number) for number, (key, *_) in enumerate(arrivals)]
    assert found == wanted
    assert sorted(done, key=operator.itemgetter(1)) == wanted
    for key in {key for key, *_ in arrivals}:
        mine = [one for one in done if one[0] == key]
        assert mine == sorted(mine)


class Gated:
    """Work that hangs with some items until their gate is opened, and fails if nobody opens it."""

    def __init__(self, *hanging: int) -> None:
        self.batches: list[list[int]] = []
        self.gates = {item: threading.Event() for item in hanging}
        self.batcher: Batcher[int, int] = Batcher(self._work, at_once=2, key=lambda item: item)

    def begin(self, *items: int, patient: bool = False) -> asyncio.Future[list[int]]:
        asked = (asyncio.ensure_future(self.batcher.do(item, patient=patient)) for item in items)
        return asyncio.gather(*asked)

    def _work(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        if items[0] in self.gates:
            assert self.gates[items[0]].wait(10)
        return list(items)


MANY = range(1, 1 + ENOUGH)
FOR_EVER = 3600.0


@pytest.fixture
def no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is begun because something else takes long."""
    monkeypatch.setattr("parley.batching.NOT_LONGER", FOR_EVER)


def test_few_wait_for_the_batch_in_work_but_not_for_one_that_takes_long() -> None:
    gated = Gated(0)

    async def main() -> None:
        slow = gated.begin(0)
        await until_true(lambda: gated.batches)
        # These are few, and done all the same while the first one hangs.
        assert await gated.begin(1, 2, 3) == [1, 2, 3]
        gated.gates[0].set()
        await slow

    asyncio.run(main())
    assert gated.batches == [[0], [1, 2, 3]]


@pytest.mark.usefixtures("no_watch")
def test_many_are_worth_a_batch_beside_another_at_once() -> None:
    gated = Gated(0)

    async def main() -> None:
        slow = gated.begin(0)
        await until_true(lambda: gated.batches)
        await gated.begin(*MANY)
        gated.gates[0].set()
        await slow

    asyncio.run(main())
    assert gated.batches == [[0], [*MANY]]


@pytest.mark.usefixtures("no_watch")
def test_who_has_finished_goes_on_with_few_only_if_nobody_else_is_at_work() -> None:
    gated = Gated(0, 1)

    async def main() -> None:
        first = gated.begin(0)
        await until_true(lambda: len(gated.batches) == 1)
        second = gated.begin(*MANY)
        await until_true(lambda: len(gated.batches) == 2)
        few = gated.begin(100, 101, 102)
        await asyncio.sleep(0)
        gated.gates[1].set()
        await second
        assert len(gated.batches) == 2
        gated.gates[0].set()
        await asyncio.gather(first, few)

    asyncio.run(main())
    assert gated.batches[2] == [100, 101, 102]


def test_few_that_a_finished_batch_leaves_do_not_wait_for_one_that_hangs() -> None:
    gated = Gated(0, 1)

    async def main() -> None:
        hangs = gated.begin(0)
        await until_true(lambda: len(gated.batches) == 1)
        second = gated.begin(*MANY)
        await until_true(lambda: len(gated.batches) == 2 and gated.batcher._overdue is None)
        few = gated.begin(100, 101, 102)
        await asyncio.sleep(0)
        gated.gates[1].set()
        assert [*await second, *await few] == [*MANY, 100, 101, 102]
        gated.gates[0].set()
        await hangs

    asyncio.run(main())
    assert gated.batches[2] == [100, 101, 102]


def test_what_is_patient_goes_along_with_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.batching.PATIENT_SECONDS", FOR_EVER)
    gated = Gated()

    async def main() -> None:
        patient = gated.begin(1, 2, patient=True)
        await asyncio.sleep(0.05)
        assert gated.batches == []
        await gated.begin(3)
        assert await patient == [1, 2]

    asyncio.run(main())
    assert gated.batches == [[1, 2, 3]]


def test_what_is_patient_waits_for_nobody_for_long() -> None:
    gated = Gated()

    async def main() -> None:
        assert await gated.begin(1, 2, patient=True) == [1, 2]

    asyncio.run(main())
    assert gated.batches == [[1, 2]]


def test_what_is_patient_is_done_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.batching.PATIENT_SECONDS", FOR_EVER)
    gated = Gated()

    async def main() -> None:
        patient = gated.begin(1, patient=True)
        await asyncio.sleep(0)
        await gated.batcher.drain()
        assert patient.done()

    asyncio.run(main())


@pytest.mark.usefixtures("no_watch")
def test_after_many_a_batch_waits_a_moment_for_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.batching.GATHER_SECONDS", FOR_EVER)
    gated = Gated()

    async def main() -> None:
        await gated.begin(*MANY)
        first = gated.begin(*MANY[:-1])
        await asyncio.sleep(0.05)
        assert len(gated.batches) == 1
        # As many as before: they are not kept waiting for more.
        await asyncio.gather(first, gated.begin(MANY[-1]))

    asyncio.run(main())
    assert gated.batches == [[*MANY], [*MANY]]


def test_fewer_than_before_do_not_wait_for_long_and_after_few_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gated = Gated()

    async def main() -> None:
        await gated.begin(*MANY)
        assert await gated.begin(100) == [100]
        monkeypatch.setattr("parley.batching.GATHER_SECONDS", FOR_EVER)
        assert await gated.begin(101, 102, 103) == [101, 102, 103]
        assert await gated.begin(104) == [104]

    asyncio.run(main())
    assert gated.batches == [[*MANY], [100], [101, 102, 103], [104]]


@pytest.mark.usefixtures("no_watch")
def test_who_comes_in_behind_what_is_patient_waits_no_longer_than_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parley.batching.PATIENT_SECONDS", FOR_EVER)
    gated = Gated()

    async def main() -> None:
        await gated.begin(*MANY)
        patient = gated.begin(1, patient=True)
        await asyncio.sleep(0)
        assert await gated.begin(2) == [2]
        assert await patient == [1]

    asyncio.run(main())
    assert gated.batches == [[*MANY], [1, 2]]
