"""Reminders with the demo shop's own bot, all the way: what is written, what is said, what is planned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from crm_store import customers, due_followups, followups, sending
from crm_store.conversations import get_conversation
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy, Sent, Understanding
from crm_store.recording import record
from crm_store.sending import Outcome
from nlu.system_entities import find_system_entities
from parley.bot import Bot
from parley.situation import Situation
from parley.turns import on_their_clock
from parley.workers import Worker
from tests.demo_bot import demo_bot

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, noon in Hangzhou
SHOP = Path(__file__).parents[2] / "config" / "bot"
ANNA = Address("shop", "anna")


@pytest.fixture(scope="module")
def bot() -> Bot:
    return demo_bot()


class Talk:
    """One customer who writes to the shop."""

    def __init__(self, database: Database, bot: Bot) -> None:
        self.database, self.now, self.count = database, NOW, 0
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: self.now)

    def say(self, text: str, payload: str = "") -> Content:
        """What the bot answers, its last message."""
        self.count += 1
        with self.database.writing() as session:
            incoming = Incoming(ANNA, str(self.count), Content(text=text), payload=payload)
            (recorded,) = record(session, [incoming], "w", self.now)
            assert recorded is not None
            self.customer = get_conversation(session, recorded.conversation_id).customer_id
        self.worker.work([recorded.conversation_id], ())
        return self.deliver()[-1]

    def deliver(self) -> list[Content]:
        sent: list[Content] = []
        while True:
            with self.database.writing() as session:
                rows, _ = sending.start_sending(session, "shop", Policy(), 9, self.now)
            if not rows:
                return sent
            with self.database.writing() as session:
                outcomes = [Outcome(row.id, row.address, Sent("accepted")) for row in rows]
                sending.finish(session, outcomes, self.now)
            sent += [row.content for row in rows]

    def planned(self) -> list[tuple[str, str]]:
        with self.database.reading() as session:
            return [
                (f"{row.due_at:%m-%d %H:%M}", row.text)
                for row in followups.planned_for(session, self.customer)
            ]


@pytest.fixture
def talk(sqlite_url: str, bot: Bot) -> Talk:
    return Talk(Database(sqlite_url), bot)


def test_a_reminder_is_asked_for_in_one_sentence_and_comes_at_its_time(talk: Talk) -> None:
    said = talk.say("明天上午十点提醒我取茶")
    assert "明天（周二）10:00提醒您：取茶" in said.text
    assert talk.planned() == [("03-03 02:00", "您让我这时候提醒您：取茶")]
    talk.now = NOW + timedelta(hours=22)
    with talk.database.writing() as session:
        assert due_followups.tick(session, talk.now) == {"shop"}
    assert [content.text for content in talk.deliver()] == ["您让我这时候提醒您：取茶"]


def test_the_time_is_asked_for_until_it_is_one(talk: Talk) -> None:
    assert "when shall I remind you" in talk.say("remind me to buy tea").text
    assert "could not make out" in talk.say("every full moon").text
    assert "tomorrow" in talk.say("tomorrow at 3 pm").text
    assert talk.planned() == [("03-03 07:00", "You asked me to remind you: buy tea")]


def test_a_day_that_was_named_is_kept_while_the_hour_is_asked_for(talk: Talk) -> None:
    assert talk.say("周五提醒我买茶").text == "好，3月6日（周五）几点提醒您？"
    assert "3月6日（周五）15:00" in talk.say("下午三点").text


def test_nothing_of_one_reminder_is_left_for_the_next(talk: Talk) -> None:
    talk.say("两小时后提醒我关火")
    assert "什么时候" in talk.say("提醒我买茶").text
    talk.say("后天九点")
    assert [text.rpartition("：")[2] for _, text in talk.planned()] == ["关火", "买茶"]


def test_a_reminder_is_called_off_by_its_button_or_by_words(talk: Talk) -> None:
    said = talk.say("明天上午十点提醒我取茶")
    assert "取消了" in talk.say(said.buttons[0].title, said.buttons[0].payload).text
    talk.say("明天上午十点提醒我取茶")
    assert "取消了" in talk.say("取消我的提醒").text
    assert talk.planned() == []
    assert "没有" in talk.say("取消提醒").text


def test_who_thinks_better_of_it_while_being_asked_plans_nothing(talk: Talk) -> None:
    talk.say("提醒我买茶")
    talk.say("算了，不用了")
    assert talk.planned() == []
    assert "关火" not in talk.say("你好").text


def test_a_stop_in_the_middle_of_a_question_is_a_stop(talk: Talk) -> None:
    talk.say("提醒我买茶")
    assert "订阅" in talk.say("退订").text
    assert "小焙" in talk.say("你是机器人吗").text  # The question is not asked again.


def test_a_time_is_heard_on_the_clock_of_the_customer(talk: Talk, bot: Bot) -> None:
    talk.say("hello")
    heard = Understanding("tomorrow at 9", entities=find_system_entities("tomorrow at 9", NOW))
    with talk.database.writing() as session:
        situation = cast(
            Situation,
            SimpleNamespace(
                session=session, bot=bot, conversation=SimpleNamespace(customer_id=talk.customer),
                heard=heard, now=NOW,
            ),
        )  # fmt: skip
        assert on_their_clock(situation) is heard
        for zone, value in (
            ("Mars/Base", "2026-03-03T09:00+00:00"),
            ("Europe/Berlin", "2026-03-03T09:00+01:00"),
        ):
            customers.set_attribute(session, talk.customer, "timezone", zone, source="agent:lin", now=NOW)
            assert [e.value for e in on_their_clock(situation).entities] == [value]
