"""What all local platforms share: a clock to move and faults by script."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bots.simulators.clock import Clock
from bots.simulators.faults import Faults

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_a_clock_with_a_start_stands_still_until_it_is_moved() -> None:
    clock = Clock(START)
    assert clock.now() == clock.now() == START
    assert clock.advance(90) == clock.now() == START + timedelta(seconds=90)
    with pytest.raises(ValueError, match="never runs back"):
        clock.advance(-1)


def test_a_clock_without_a_start_runs() -> None:
    clock = Clock()
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    clock.advance(3600)
    assert clock.now() >= before + timedelta(hours=1)


@pytest.mark.parametrize("start", [START, None])
def test_who_waits_is_woken_when_the_clock_is_moved_far_enough(start: datetime | None) -> None:
    async def scenario() -> None:
        clock = Clock(start)
        waiting = asyncio.create_task(clock.wait_until(clock.now() + timedelta(seconds=100)))
        await asyncio.sleep(0)
        clock.advance(50)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(50)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(scenario())


def test_a_running_clock_wakes_by_itself() -> None:
    async def scenario() -> None:
        clock = Clock()
        await asyncio.wait_for(clock.wait_until(clock.now() + timedelta(milliseconds=20)), 5)

    asyncio.run(scenario())


def test_faults_strike_in_order_and_as_often_as_scripted() -> None:
    faults = Faults()
    faults.script("500", "sendMessage", 2)
    faults.script("429")
    assert faults.take("sendMessage") == "500"
    assert faults.take("getMe") == "429"
    assert [(fault.kind, fault.times) for fault in faults.waiting()] == [("500", 1)]
    assert faults.take("sendMessage") == "500"
    assert faults.take("sendMessage") is None
    faults.script("429")
    faults.clear()
    assert faults.take("sendMessage") is None
    with pytest.raises(ValueError, match="times"):
        faults.script("429", times=0)
