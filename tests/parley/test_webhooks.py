"""The webhook's own answer: each request gets its own words, and what no answer carried is not lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from crm_store.history import Message
from crm_store.messages import Address, Content, Policy, Sent
from crm_store.outbox import Outgoing
from tests.parley.tiny import Ear, TinyHouse, tiny_house

PUSHES = Policy(inline_within=0.4)
PASSIVE = Policy(inline_within=2.0, push=False, gives_up_after=2.5, tries=3)
PATIENT = Policy(inline_within=10.0, push=False)


def run(
    url: str, folder: Path, policy: Policy, story: Callable[[TinyHouse], Awaitable[None]], **more: Any
) -> None:
    async def main() -> None:
        async with tiny_house(url, folder, policy, **more) as tiny:
            await story(tiny)

    asyncio.run(main())


async def eventually(probe: Callable[[], Any], within: float = 30.0) -> Any:
    """What a probe of the database finds, as soon as it finds anything."""
    until = time.monotonic() + within
    while not (found := await asyncio.to_thread(probe)):
        assert time.monotonic() < until, "waited in vain"
        await asyncio.sleep(0.01)
    return found


def rows(tiny: TinyHouse) -> list[tuple[str, str]]:
    """Text and status of all that was written to customers."""
    with tiny.house.database.reading() as session:
        query = select(Message).where(Message.direction == "out").order_by(col(Message.seq))
        return [(m.text, m.status) for m in session.exec(query)]


async def settled(tiny: TinyHouse) -> list[tuple[str, str]]:
    return list(
        await eventually(
            lambda: (
                (found := rows(tiny))
                and not any(status in ("queued", "sending") for _, status in found)
                and found
            )
        )
    )


async def heard(tiny: TinyHouse) -> None:
    """Return when the slow engine has been asked."""
    assert await asyncio.to_thread(tiny.ear.asked.wait, 10)


def test_the_answer_stands_in_the_response(database_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        assert await tiny.ask("anna", "1", "hello two") == "re hello two|re hello two"
        assert await settled(tiny) == [("re hello two", "accepted")] * 2
        assert tiny.channel.sent == []

    run(database_url, tmp_path, PATIENT, story)


def test_two_messages_at_the_same_moment_are_both_answered_each_in_its_own_response(
    database_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        for turn in range(20):
            asked = [tiny.request("anna", f"{turn}.{n}", f"{turn}.{n}") for n in range(2)]
            first = asyncio.create_task(asked[0].run())
            for _ in range(turn):
                await asyncio.sleep(0.001)
            assert [await asked[1].run(), await first] == [f"re {turn}.1", f"re {turn}.0"]
        assert {status for _, status in await settled(tiny)} == {"accepted"}

    run(database_url, tmp_path, PATIENT, story)


@pytest.mark.parametrize("policy", [PATIENT, Policy(inline_within=10.0)])
def test_an_answer_that_is_not_written_down_yet_does_not_cost_the_next_one_its_response(
    sqlite_url: str, tmp_path: Path, policy: Policy
) -> None:
    async def story(tiny: TinyHouse) -> None:
        finish, started, gate = tiny.house.delivery.finish_inline, asyncio.Event(), asyncio.Event()

        async def finish_slowly(rows: Sequence[Outgoing], sent: Sent) -> None:
            started.set()
            await gate.wait()
            await finish(rows, sent)

        tiny.house.delivery.finish_inline = finish_slowly  # type: ignore[method-assign]
        first = asyncio.create_task(tiny.ask("anna", "1", "one"))
        await started.wait()
        second = asyncio.create_task(tiny.ask("anna", "2", "two"))
        await eventually(lambda: len(rows(tiny)) == 3)
        await asyncio.sleep(0.05)  # Whatever the second does now, it does too early.
        gate.set()
        assert [await first, await second] == ["re one", "re two|re two"]
        assert {status for _, status in await settled(tiny)} == {"accepted"}
        assert tiny.channel.sent == []

    run(sqlite_url, tmp_path, policy, story)


def test_who_hangs_up_gets_the_answer_by_another_way_where_there_is_one(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        asked = tiny.request("anna", "1", "slow")
        going = asyncio.create_task(asked.run())
        await heard(tiny)
        asked.hang_up()
        await asyncio.sleep(0)
        tiny.ear.gate.set()
        assert await going is None
        assert await settled(tiny) == [("re slow", "accepted")]
        assert tiny.channel.sent == ["re slow"]

    run(sqlite_url, tmp_path, Policy(inline_within=10.0), story, ear=Ear(slow_for="slow"))


def test_who_hangs_up_and_comes_again_gets_the_answer_then(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        asked = tiny.request("anna", "1", "slow")
        going = asyncio.create_task(asked.run())
        await heard(tiny)
        asked.hang_up()
        await asyncio.sleep(0)
        tiny.ear.gate.set()
        assert await going is None
        assert await settled(tiny) == [("re slow", "unknown")]
        assert await tiny.ask("anna", "1", "slow") == "re slow"
        assert await settled(tiny) == [("re slow", "accepted")]
        assert await tiny.ask("anna", "1", "slow") == "re slow"  # Whatever we think, it has not got it.
        assert await settled(tiny) == [("re slow", "accepted")]
        assert tiny.channel.sent == []

    run(sqlite_url, tmp_path, PATIENT, story, ear=Ear(slow_for="slow"))


@pytest.mark.parametrize("policy", [PATIENT, Policy(inline_within=10.0)])
def test_a_repeat_while_the_first_is_worked_on_gets_the_one_answer(
    sqlite_url: str, tmp_path: Path, policy: Policy
) -> None:
    async def story(tiny: TinyHouse) -> None:
        first = tiny.request("anna", "1", "slow")
        going = asyncio.create_task(first.run())
        await heard(tiny)
        again = asyncio.create_task(tiny.ask("anna", "1", "slow"))
        await eventually(lambda: sum(map(len, tiny.house.waiting._offers.values())) == 2)
        tiny.ear.gate.set()
        assert [await going, await again] == ["re slow", "re slow"]
        assert await settled(tiny) == [("re slow", "accepted")]
        assert tiny.channel.sent == []

    run(sqlite_url, tmp_path, policy, story, ear=Ear(slow_for="slow"))


def test_a_slow_engine_is_not_waited_for_and_its_answer_comes_later(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        assert await tiny.ask("anna", "1", "slow") == ""
        assert await tiny.ask("ben", "1", "hello") == "re hello"  # One slow text holds nobody else up.
        tiny.ear.gate.set()
        await eventually(lambda: tiny.channel.sent)
        assert await settled(tiny) == [("re hello", "accepted"), ("re slow", "accepted")]
        assert tiny.channel.sent == ["re slow"]

    run(sqlite_url, tmp_path, PUSHES, story, ear=Ear(remote=True, slow_for="slow"))


def test_on_a_passive_account_the_retry_carries_what_was_too_slow(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        assert await tiny.ask("anna", "1", "slow") == "try again"
        tiny.ear.gate.set()
        await eventually(lambda: [status for _, status in rows(tiny)] == ["queued"])
        assert await tiny.ask("anna", "1", "slow") == "re slow"
        assert await settled(tiny) == [("re slow", "accepted")]

    run(sqlite_url, tmp_path, PASSIVE, story, ear=Ear(remote=True, slow_for="slow"))


def test_on_a_passive_account_the_next_message_carries_what_was_too_slow_before_its_own(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        assert await tiny.ask("anna", "1", "slow") == "try again"
        tiny.ear.gate.set()
        await eventually(lambda: [status for _, status in rows(tiny)] == ["queued"])
        assert await tiny.ask("anna", "2", "hello") == "re slow|re hello"
        assert await settled(tiny) == [("re slow", "accepted"), ("re hello", "accepted")]

    run(sqlite_url, tmp_path, PASSIVE, story, ear=Ear(remote=True, slow_for="slow"))


def test_what_cannot_be_understood_does_not_keep_the_platform_waiting(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        asked_at = time.monotonic()
        assert await tiny.ask("anna", "1", "boom") == ""
        assert time.monotonic() - asked_at < PATIENT.inline_within / 2

    run(sqlite_url, tmp_path, PATIENT, story)


def test_a_send_that_is_refused_keeps_the_reason(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        def refuse(_to: Address, _content: Content) -> Sent:
            return Sent("failed", reason="not friends any more", code="45015")

        tiny.channel.sending = refuse
        assert await tiny.ask("anna", "1", "hello") == ""
        assert await settled(tiny) == [("re hello", "failed")]

    run(sqlite_url, tmp_path, Policy(), story)
