"""Reminders in the chat: when, what, and what the customer is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crm_store import channels, customers, followups
from crm_store.conversations import Conversation
from crm_store.followups import FollowUp
from crm_store.identities import Identity
from crm_store.messages import Policy
from nlu.matter import read_matter
from nlu.moments import find_moment
from tests.actions.counter import NOON, Counter


@pytest.fixture
def talking(counter: Counter) -> Conversation:
    """The conversation in which reminders are asked for, on a channel that may always write."""
    channels.write_channel(counter.session, "shop", "any", Policy(), NOON)
    conversation = Conversation(
        channel="shop", external_id="anna", customer_id=counter.customer_id, created_at=NOON,
    )  # fmt: skip
    identity = Identity(
        channel="shop", external_id="anna", customer_id=counter.customer_id, created_at=NOON
    )
    counter.session.add_all([conversation, identity])
    counter.session.flush()
    return conversation


def _ask(counter: Counter, talking: Conversation, text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    turn = counter.turn(text, **more)
    turn.conversation_id = talking.id
    said = counter.run("action_book_followup", turn)
    return said[0].text, turn.set_slots


def _planned(counter: Counter) -> list[FollowUp]:
    return list(followups.planned_for(counter.session, counter.customer_id))


def test_a_reminder_is_planned_and_said_back_in_words(counter: Counter, talking: Conversation) -> None:
    said, slots = _ask(counter, talking, "明天十点提醒我取茶")
    assert said == "记下了，明天（周四）10:00提醒您：取茶"
    (planned,) = _planned(counter)
    assert planned.due_at == NOON.replace(hour=2) + timedelta(days=1)  # 10:00 in Hangzhou
    assert planned.text == "您让我这时候提醒您：取茶"
    assert (planned.planned_by, planned.cancel_if_written) == ("customer", False)
    assert planned.source_id is not None
    assert set(slots.values()) == {None}


def test_a_reminder_counts_on_the_customers_own_clock(counter: Counter, talking: Conversation) -> None:
    customers.set_attribute(
        counter.session, counter.customer_id, "timezone", "Europe/Berlin", source="agent:lin", now=NOON
    )
    said, _ = _ask(counter, talking, "remind me tomorrow at ten to call Lin", language="en")
    assert said == "Noted. I'll remind you tomorrow, Thursday, at 10:00: call Lin"
    assert _planned(counter)[0].due_at == NOON.replace(hour=9) + timedelta(days=1)


def test_what_is_no_zone_is_left_aside(counter: Counter, talking: Conversation) -> None:
    customers.set_attribute(
        counter.session, counter.customer_id, "timezone", "the moon", source="agent:lin", now=NOON
    )
    _ask(counter, talking, "明天十点提醒我")
    assert _planned(counter)[0].due_at == NOON.replace(hour=2) + timedelta(days=1)


@pytest.mark.parametrize("text", ["昨天十点提醒我", "remind me yesterday at ten"])
def test_a_time_that_has_passed_is_refused_politely(
    counter: Counter, talking: Conversation, text: str
) -> None:
    said, _ = _ask(counter, talking, text)
    assert "已经过去" in said
    assert _planned(counter) == []


def test_nothing_is_planned_for_years_to_come(counter: Counter, talking: Conversation) -> None:
    said, _ = _ask(counter, talking, "2029年1月1日十点提醒我")
    assert "一年" in said
    assert _planned(counter) == []


def test_the_time_is_asked_for_and_the_matter_is_kept(counter: Counter, talking: Conversation) -> None:
    first = counter.turn("周五提醒我买茶")
    assert counter.run("action_ask_reminder_time", first)[0].text.endswith("几点提醒您？")
    assert first.set_slots == {"reminder_what": "买茶", "reminder_day": "2025-11-21"}
    said, _ = _ask(counter, talking, "下午三点", slots=first.set_slots)
    assert "11月21日（周五）15:00" in said
    assert "买茶" in said


def test_what_is_no_time_is_asked_for_again(counter: Counter) -> None:
    first = counter.turn("remind me to buy tea", language="en")
    counter.run("action_ask_reminder_time", first)
    assert first.set_slots == {"reminder_what": "buy tea"}
    again = counter.turn("every full moon", language="en", slots=first.set_slots)
    assert "could not make out" in counter.run("action_ask_reminder_time", again)[0].text
    assert again.set_slots == {}


def test_the_one_who_asks_is_told_if_the_channel_will_not_let_us_write(
    counter: Counter, talking: Conversation
) -> None:
    channels.write_channel(counter.session, "shop", "any", Policy(push=False), NOON)
    said, _ = _ask(counter, talking, "明天十点提醒我取茶")
    assert "同事" in said
    assert len(_planned(counter)) == 1


def test_the_only_reminder_is_called_off(counter: Counter, talking: Conversation) -> None:
    _ask(counter, talking, "明天十点提醒我取茶")
    said = counter.run("action_cancel_followup", counter.turn("取消提醒"))
    assert "取消了" in said[0].text
    assert _planned(counter) == []
    assert "没有" in counter.run("action_cancel_followup", counter.turn("取消提醒"))[0].text


def test_of_several_the_customer_chooses_by_a_button(counter: Counter, talking: Conversation) -> None:
    _ask(counter, talking, "明天十点提醒我取茶")
    _ask(counter, talking, "后天十点提醒我付款")
    asked = counter.run("action_cancel_followup", counter.turn("取消提醒"))
    assert len(asked[0].buttons) == 2
    reminder = asked[0].buttons[1].payload.rpartition(":")[2].strip('"}')
    assert len(asked[0].buttons[1].payload.encode()) <= 64  # what every channel can carry
    counter.run("action_cancel_followup", counter.turn(entities={"reminder": reminder}))
    (left,) = _planned(counter)
    assert "取茶" in left.text


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("明天十点提醒我喝药", "喝药"),
        ("半小时后叫我一声", ""),
        ("麻烦你下周三下午两点半提醒我一下要交房租", "交房租"),
        ("提醒我买茶叶", "买茶叶"),
        ("remind me tomorrow at ten to call mum", "call mum"),
        ("please remind me in two hours about the kettle, thanks", "the kettle"),
        ("can you remind me on Friday at noon to order tea?", "order tea"),
        ("remind me tomorrow at ten", ""),
        ("내일 10시에 차 사라고 알려줘", "차 사라고"),
    ],
)
def test_the_matter_is_what_remains(counter: Counter, text: str, matter: str) -> None:
    assert read_matter(text, find_moment(text, NOON)) == matter
