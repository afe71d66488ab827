"""Processes on one database: they share work, pages and rates, with Redis and without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.base import LiveEvent
from crm_store.live import Live
from crm_store.messages import Address, Policy
from parley import pipeline
from parley.live import Feed
from parley.together import Shared
from tests.parley.own_redis import own_redis
from tests.parley.tiny import Ear, TinyHouse, tiny_house, until_true

INLINE = Policy(inline_within=600.0)  # as good as never: the answer has to be told


@asynccontextmanager
async def houses(
    url: str, redis: str, folder: Path, policy: Policy, ears: Sequence[Ear], *, joined: bool = True
) -> AsyncIterator[list[TinyHouse]]:
    """Several processes' houses on one database, in this process; `joined`: wait until they are."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(tiny_house(url, folder, policy, ear=ear, redis=redis))
            for ear in ears
        ]
        if joined:
            await until(lambda: all(reachable(tiny) for tiny in opened))
        yield opened


async def until(probe: Callable[[], Any]) -> None:
    await until_true(probe, within=30)


def reachable(tiny: TinyHouse) -> bool:
    assert tiny.house.together
    return tiny.house.together.reachable


async def next_of(events: AsyncIterator[Any], within: float = 20.0) -> Any:
    async with asyncio.timeout(within):
        return await anext(events)


async def until_next(events: AsyncIterator[Any], wanted: Any) -> None:
    while await next_of(events) != wanted:
        pass


@pytest.fixture
def hands_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """One conversation is all that a process has room for, and no sweep comes in the time of a test."""
    monkeypatch.setattr(pipeline, "MOST_IN_HAND", 1)
    monkeypatch.setattr(pipeline, "MOST_CONVERSATIONS", 1)
    monkeypatch.setattr(pipeline, "SWEEP_SECONDS", 600.0)


@pytest.mark.usefixtures("hands_full")
@pytest.mark.parametrize("policy", [Policy(), INLINE])
def test_what_one_has_no_room_for_another_answers(
    postgres_url: str, redis_url: str, tmp_path: Path, policy: Policy
) -> None:
    async def main() -> None:
        slow, quick = Ear(remote=True, slow_for="slow"), Ear(remote=True)
        async with houses(postgres_url, redis_url, tmp_path, policy, (slow, quick)) as (busy, free):
            held = asyncio.create_task(busy.ask("ann", "1", "slow"))
            assert await asyncio.to_thread(slow.asked.wait, 10)
            for n in range(5):
                answer = await busy.ask("bob", str(n), f"hello {n}")
                if policy.inline_within:
                    assert answer == f"re hello {n}"  # in the request that the busy one held open
            told = [f"re hello {n}" for n in range(5)]
            if not policy.inline_within:
                await until(lambda: sorted(busy.channel.sent + free.channel.sent) == told)
            slow.gate.set()
            await held

    asyncio.run(main())


def test_pages_show_what_happens_in_other_processes(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with houses(postgres_url, redis_url, tmp_path, Policy(), (Ear(), Ear())) as (one, other):
            one.house.together._paged = other.house.together._paged = frozenset({"pigeon"})  # type: ignore[union-attr]
            ann, feed = Address("pigeon", "ann"), Feed(other.house.hub)
            # After the look that each takes when it has joined.
            await until(lambda: not other.house.together._missed)  # type: ignore[union-attr]
            async with other.house.hub.follow(ann) as events, feed.follow() as changes:
                one.house.host.typing(ann)
                assert (await next_of(events)).name == "typing"
                await one.ask("ann", "1", "hello")
                lines = [(await next_of(events)).line for _ in range(2)]
                assert [line.content.text for line in lines] == ["hello", "re hello"]
                assert len(await next_of(changes)) == 1
                one.house.floor_changed(ann, "agent")
                assert (await next_of(events)).data == {"floor": "agent"}
            assert other.house.hub.followed() == []
            async with other.house.hub.follow(ann) as events:  # whoever comes again hears again
                one.house.host.typing(ann)
                assert (await next_of(events)).name == "typing"

    asyncio.run(main())


def test_what_one_could_not_tell_others_look_for_when_it_is_back(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with houses(postgres_url, redis_url, tmp_path, Policy(), (Ear(), Ear())) as (one, other):
            # After the look that each takes when it has joined.
            await until(lambda: not other.house.together._missed)  # type: ignore[union-attr]
            async with other.house.hub.follow(Address("pigeon", "ann")) as events:
                one.house.together._live._lost.set()  # type: ignore[union-attr]
                await until_next(events, LiveEvent("look"))

    asyncio.run(main())


def test_what_people_teach_is_taken_in_everywhere_at_once(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with houses(postgres_url, redis_url, tmp_path, Policy(), (Ear(), Ear())) as (one, other):
            woken = asyncio.Event()
            other.house.together._entries_changed = woken.set  # type: ignore[union-attr]
            one.house.entries_changed()
            async with asyncio.timeout(30):
                await woken.wait()

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["kill", "hang"])
def test_without_redis_all_goes_on_and_the_log_says_so_once(
    postgres_url: str, tmp_path: Path, fault: str
) -> None:
    def told(logs: Sequence[Any], event: str) -> int:
        return sum(one["event"] == event for one in logs)

    async def main() -> None:
        with own_redis() as redis, capture_logs() as logs:
            async with houses(postgres_url, redis.url, tmp_path, Policy(), (Ear(),)) as (one,):
                getattr(redis, fault)()
                assert await one.ask("ann", "1", "while it dies") == ""
                await until(lambda: not reachable(one))
                ann, feed = Address("pigeon", "ann"), Feed(one.house.hub)
                async with one.house.hub.follow(ann) as events, feed.follow() as changes:
                    await until_next(events, LiveEvent("look"))
                    await until_next(changes, frozenset())
                await one.ask("ann", "2", "without it")
                await until(lambda: len(one.channel.sent) == 2)
                redis.go_on() if fault == "hang" else redis.start()
                await until(lambda: reachable(one))
                await one.ask("ann", "3", "with it again")
                await until(lambda: len(one.channel.sent) == 3)
            assert (told(logs, "redis.lost"), told(logs, "redis.reached")) == (1, 2)

    asyncio.run(main())


def test_a_process_opens_without_redis_and_finds_it_later(postgres_url: str, tmp_path: Path) -> None:
    async def main() -> None:
        with own_redis(started=False) as redis:
            two = houses(postgres_url, redis.url, tmp_path, INLINE, (Ear(), Ear()), joined=False)
            async with two as (one, other):
                assert await one.ask("ann", "1", "hello") == "re hello"
                async with other.house.hub.follow(Address("pigeon", "ann")) as events:
                    redis.start()
                    await until(lambda: reachable(one) and reachable(other))
                    one.house.host.typing(Address("pigeon", "ann"))
                    await until_next(events, LiveEvent("typing", data={"sender": "customer"}))

    asyncio.run(main())


@asynccontextmanager
async def lives(url: str, count: int) -> AsyncIterator[list[Live]]:
    """So many processes' connections."""
    opened = [Live(url) for _ in range(count)]
    running = [asyncio.create_task(one.run("test", lambda *_: None, lambda _: None)) for one in opened]
    try:
        await until(lambda: all(one.reachable for one in opened))
        yield opened
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


def test_processes_share_the_rate_of_a_channel_and_each_has_a_part_without_redis(tmp_path: Path) -> None:
    async def main() -> None:
        policy = Policy(per_second=3)
        with own_redis() as redis:
            async with lives(redis.url, 3) as opened:
                rates = [Shared(one, "shop", policy) for one in opened]
                going = [await rate.reserve(2, 2) for rate in rates]
                assert [count for count, _ in going[:2]] == [2, 1]
                await rates[0].give_back(1)
                assert (await rates[1].reserve(1, 1))[0] == 1
                redis.kill()
                assert (await rates[2].reserve(8, 8))[0] == 1  # a third of it

    asyncio.run(main())


def test_a_wake_up_is_taken_by_one_of_all(redis_url: str) -> None:
    async def main() -> None:
        async with lives(redis_url, 2) as (one, other):
            one.hand_over([str(n) for n in range(100)])
            taken = list[str]()

            async def take(live: Live) -> None:
                while len(taken) < 100:
                    taken.extend(await live.take(8))

            async with asyncio.timeout(30):
                await asyncio.wait(
                    [asyncio.create_task(take(live)) for live in (one, other)],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            assert sorted(map(int, taken)) == list(range(100))

    asyncio.run(main())


def test_a_stop_ends_a_connection_at_whatever_point_it_is_made(redis_url: str) -> None:
    async def main() -> None:
        for steps in range(60):
            one = Live(redis_url)
            running = [
                asyncio.create_task(one.run("test", lambda *_: None, lambda _: None)),
                asyncio.create_task(one.take(1)),
            ]
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in running:
                task.cancel()
            _, stuck = await asyncio.wait(running, timeout=10)
            assert not stuck

    asyncio.run(main())
