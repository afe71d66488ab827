"""An engine that takes its time: the platform is answered in time, and the customer sees one answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import col, select

from bots.wechat.channel import GIVES_UP_AFTER, INLINE_WITHIN, TRIES
from crm_store.history import Message
from crm_store.messages import Policy, Understanding
from tests.parley.tiny import Ear, TinyHouse, tiny_house, until_true

PACE = 0.4  # of the seconds that WeChat gives
DELAYS = (0.1, 3, 4.9, 7, 20)  # seconds
POLICY = Policy(inline_within=INLINE_WITHIN * PACE, gives_up_after=GIVES_UP_AFTER * PACE, tries=TRIES)
PASSIVE = Policy(
    inline_within=POLICY.inline_within, gives_up_after=POLICY.gives_up_after, tries=TRIES, push=False
)
LATER = "utter_answer_later"


class Slow(Ear):
    """Understands `wait 3` after three seconds, at the pace of the test."""

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        for text in texts:
            if text.startswith("wait "):
                time.sleep(float(text.removeprefix("wait ")) * PACE)
        return super().understand(texts)


@dataclass
class Try:
    """What the platform got: None where it hung up, or was told to come again."""

    answers: list[str | None]


async def hand_in(tiny: TinyHouse, who: str, key: str, text: str) -> list[Try]:
    """A message as WeChat hands it in: again after five seconds, three times in all; each try twice."""
    tries = []
    for _ in range(TRIES):
        copies = [tiny.request(who, key, text) for _ in range(2)]
        going = [asyncio.create_task(copy.run()) for copy in copies]
        await asyncio.wait(going, timeout=POLICY.gives_up_after)
        answers = [copy.text if copy.status == 200 else None for copy in copies]
        tries.append(Try(answers))
        for copy in copies:
            copy.hang_up()
        await asyncio.gather(*going)
        if answers != [None, None]:
            break
    return tries


def seen(tries: Sequence[Try]) -> list[str]:
    """What the customer sees: of equal answers to one message, one."""
    return sorted({answer for each in tries for answer in each.answers if answer})


async def settled(tiny: TinyHouse) -> list[tuple[str, str, str]]:
    """Person, text and status of all that was written, once nothing is under way."""

    def rows() -> list[tuple[str, str, str]]:
        with tiny.house.database.reading() as session:
            query = select(Message).where(Message.direction == "out").order_by(col(Message.seq))
            return [(m.external_id, m.text, m.status) for m in session.exec(query)]

    await until_true(lambda: not any(status in ("queued", "sending") for *_, status in rows()), 15)
    return rows()


@pytest.mark.parametrize("delay", [0.1, 3])
def test_what_is_understood_in_time_stands_in_the_answer(
    sqlite_url: str, tmp_path: Path, delay: float
) -> None:
    async def story() -> None:
        for policy in (POLICY, PASSIVE):
            async with tiny_house(sqlite_url, tmp_path, policy, ear=Slow(remote=True)) as tiny:
                who, text = f"push {policy.push}", f"wait {delay}"
                (only,) = await hand_in(tiny, who, "1", text)
                assert only.answers == [f"re {text}"] * 2
                assert (who, f"re {text}", "accepted") in await settled(tiny)
                assert tiny.channel.sent == []

    asyncio.run(story())


def test_an_account_that_may_write_acknowledges_in_time_and_sends_what_took_longer(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def one(tiny: TinyHouse, delay: float) -> None:
        (only,) = await hand_in(tiny, f"p{delay}", "1", f"wait {delay}")
        assert only.answers == ["", ""]

    async def story() -> None:
        async with tiny_house(sqlite_url, tmp_path, POLICY, ear=Slow(remote=True)) as tiny:
            await asyncio.gather(*(one(tiny, delay) for delay in DELAYS[2:]))
            await until_true(lambda: len(tiny.channel.sent) == 3, 15)
            assert sorted(tiny.channel.sent) == [
                f"re wait {delay}" for delay in sorted(DELAYS[2:], key=str)
            ]
            assert {status for *_, status in await settled(tiny)} == {"accepted"}

    asyncio.run(story())


def test_an_account_that_may_only_answer_answers_the_try_by_which_it_knows_the_answer(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def one(tiny: TinyHouse, delay: float) -> None:
        first, *others = await hand_in(tiny, f"p{delay}", "1", f"wait {delay}")
        assert first.answers == [None, None]
        assert others[-1].answers == [f"re wait {delay}"] * 2
        assert seen(others) == [f"re wait {delay}"]

    async def story() -> None:
        async with tiny_house(sqlite_url, tmp_path, PASSIVE, ear=Slow(remote=True)) as tiny:
            await asyncio.gather(*(one(tiny, delay) for delay in (4.9, 7)))
            assert {status for *_, status in await settled(tiny)} == {"accepted"}
            assert tiny.channel.sent == []

    asyncio.run(story())


def test_an_account_that_may_only_answer_says_in_time_that_the_answer_comes_with_the_next_message(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with tiny_house(sqlite_url, tmp_path, PASSIVE, ear=Slow(remote=True)) as tiny:
            tries = await hand_in(tiny, "anna", "1", "wait 20")
            assert [each.answers for each in tries] == [[None] * 2, [None] * 2, [LATER] * 2]
            await until_true(lambda: _waits(tiny, "re wait 20"), 15)
            (only,) = await hand_in(tiny, "anna", "2", "hello")
            assert seen([only]) == ["re wait 20|re hello"]
            texts = [(text, status) for _, text, status in await settled(tiny)]
            assert texts == [(LATER, "accepted"), ("re wait 20", "accepted"), ("re hello", "accepted")]
            # Handed in once more, each gets what it got.
            assert seen(await hand_in(tiny, "anna", "2", "hello")) == ["re wait 20|re hello"]
            assert tiny.channel.sent == []

    asyncio.run(story())


def _waits(tiny: TinyHouse, text: str) -> bool:
    with tiny.house.database.reading() as session:
        found = session.exec(select(Message).where(Message.text == text)).all()
        return [(row.status, row.due_at) for row in found] == [("queued", None)]
