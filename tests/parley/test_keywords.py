"""Exact words of the house: obeyed whatever the project and the floor; inside a sentence they are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import select

from actions.base import always_done, load_actions
from crm_store import audit, conversations, customers, erasures, history, sending
from crm_store.consents import Consent
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy, Sent
from crm_store.recording import record
from crm_store.sending import Outcome
from nlu.project import Project, read_project
from parley.keywords import read_keyword
from parley.training import WORDS
from parley.workers import Worker
from tests.parley.tiny import repeat, tiny_bot

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = Address("shop", "anna")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("退订", "opt_out"), ("退訂", "opt_out"), ("TD", "opt_out"), ("ＴＤ", "opt_out"), ("t", "opt_out"),
        ("取消订阅。", "opt_out"), ("STOP", "opt_out"), ("stop!!!", "opt_out"), ("“Stop All”", "opt_out"),
        ("  unsubscribe\n", "opt_out"), ("수신거부", "opt_out"), ("구독 취소", "opt_out"),
        ("🛑 STOP 🛑", "opt_out"), ("回Ｔ退订", "opt_out"),
        ("START", "opt_in"), ("订阅", "opt_in"), ("구독", "opt_in"),
        ("我的资料", "my_data"), ("My data", "my_data"), ("내 정보", "my_data"),
        ("删除我的资料", "erase_my_data"), ("delete me", "erase_my_data"),
        ("Delete my data.", "erase_my_data"),
    ],
)  # fmt: skip
def test_an_exact_word_is_understood(text: str, intent: str) -> None:
    understood = read_keyword(text)
    assert understood is not None
    assert (understood.intent, understood.confidence, understood.engine) == (intent, 1.0, "house")


@pytest.mark.parametrize(
    "text",
    [
        "how do I stop the kettle", "stop by at ten", "怎么退订杂志", "订阅多少钱", "is my data safe?",
        "", "...", "/start", "/stop", "stop" * 20, "don't stop", "退订还是不退订", "start date",
    ],
)  # fmt: skip
def test_a_word_inside_a_sentence_is_left_to_the_engine(text: str) -> None:
    assert read_keyword(text) is None


class Shop:
    """A bot that knows none of these words, and short names for what happens."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.count = database, NOW, 0
        actions = {**load_actions(), "action_repeat": repeat}
        bot = tiny_bot(project=Project(), actions=actions, always=always_done(), house=read_project(WORDS))
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: self.now)

    def say(self, text: str, payload: str = "") -> list[str]:
        """What the bot answers."""
        self.count += 1
        incoming = Incoming(ANNA, str(self.count), Content(text=text), payload=payload)
        with self.database.writing() as session:
            (recorded,) = record(session, [incoming], "w", self.now)
            assert recorded is not None
        self.worker.work([recorded.conversation_id], ())
        return self.deliver()

    def deliver(self) -> list[str]:
        with self.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", Policy(), 9, self.now)
        with self.database.writing() as session:
            sending.finish(session, [Outcome(r.id, r.address, Sent("accepted")) for r in rows], self.now)
        return [row.content.text for row in rows]

    def conversation(self) -> Conversation:
        with self.database.reading() as session:
            return conversations.list_conversations(session, limit=1)[0]

    def consent(self) -> Consent | None:
        with self.database.reading() as session:
            return session.exec(select(Consent)).one_or_none()

    def last_message(self) -> UUID:
        with self.database.reading() as session:
            found = history.last_said(session, ANNA)
            assert found
            return found.id


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.mark.parametrize(
    ("word", "back"), [("退订", "订阅"), ("STOP", "START"), ("수신거부", "구독"), ("TD", "订阅")]
)
def test_a_stop_is_obeyed_with_its_proof_and_the_way_back(shop: Shop, word: str, back: str) -> None:
    (said,) = shop.say(word)
    assert back in said
    consent = shop.consent()
    assert consent is not None
    assert (consent.purpose, consent.granted, consent.source_id) == (
        "marketing",
        False,
        shop.last_message(),
    )
    shop.say(back)
    consent = shop.consent()
    assert consent is not None
    assert consent.granted
    with shop.database.reading() as session:
        noted = audit.list_entries(session, noun="consent")
    assert [(n.actor, n.action) for n in noted] == [
        ("customer", "consent.granted"), ("customer", "consent.withdrawn"),
    ]  # fmt: skip


@pytest.mark.parametrize("floor", ["waiting", "agent"])
def test_a_stop_counts_in_silence_while_the_bot_may_not_speak(shop: Shop, floor: str) -> None:
    shop.say("hello")
    with shop.database.writing() as session:
        found = conversations.get_conversation(session, shop.conversation().id, lock=True)
        found.floor = floor
        session.add(found)
    said = shop.say("STOP")
    consent = shop.consent()
    assert consent is not None
    assert not consent.granted
    assert not any("START" in text for text in said)


def test_own_data_are_shown_and_erased_in_the_chat(shop: Shop) -> None:
    shop.say("hello")
    with shop.database.writing() as session:
        who = shop.conversation().customer_id
        customers.set_attribute(session, who, "phone", "+8613800138000", source="message", now=NOW)
        customers.add_tag(session, who, "VIP", source="agent:lin", now=NOW)
    (shown,) = shop.say("my data")
    assert "****8000" in shown
    assert "0138" not in shown
    assert "VIP" in shown
    assert "/my-data/" in shown
    assert "Shall we erase" in shop.say("delete me")[0]
    (last,) = shop.say("Erase everything", "/erase_my_data_now")
    assert "erased" in last
    with shop.database.writing() as session:
        erasures.tick(session, NOW)
    with shop.database.reading() as session:
        assert history.list_lines(session, ANNA) == []
        assert session.exec(select(Customer)).one().erased_at == NOW
        noted = audit.list_entries(session, noun="customer")
        assert [(n.actor, n.action) for n in noted] == [
            ("customer", "customer.erased"), ("customer", "customer.asked_for_data"),
        ]  # fmt: skip
    assert shop.conversation().floor == "closed"


def test_nothing_is_erased_before_the_last_word_is_sent_or_a_minute_has_passed(shop: Shop) -> None:
    shop.say("hello")
    shop.deliver = list  # type: ignore[method-assign]  # the platform is away
    shop.say("x", "/erase_my_data_now")
    for later, erased in ((0, False), (59, False), (60, True)):
        with shop.database.writing() as session:
            erasures.tick(session, NOW + timedelta(seconds=later))
        with shop.database.reading() as session:
            assert bool(session.exec(select(Customer)).one().erased_at) is erased


def test_who_thinks_better_of_it_loses_nothing(shop: Shop) -> None:
    shop.say("delete me")
    assert "nothing has been erased" in shop.say("Keep it", "/keep_my_data")[0]
    with shop.database.writing() as session:
        erasures.tick(session, NOW + timedelta(hours=1))
    with shop.database.reading() as session:
        assert session.exec(select(Customer)).one().erased_at is None


def test_who_leaves_is_erased_if_the_settings_say_so_and_no_other_account_is_left(shop: Shop) -> None:
    shop.say("hello")
    with shop.database.writing() as session:
        erasures.ask_for_left(session, [ANNA], NOW)
        erasures.tick(session, NOW)
    with shop.database.reading() as session:
        assert session.exec(select(Customer)).one().erased_at is None  # They are still there.
    with shop.database.writing() as session:
        record(
            session,
            [Incoming(ANNA, "gone", Content("event"), wants_reply=False, reachable=False)],
            "w",
            NOW,
        )
        erasures.ask_for_left(session, [ANNA], NOW)
        erasures.tick(session, NOW)
    with shop.database.reading() as session:
        assert session.exec(select(Customer)).one().erased_at == NOW
        (entry,) = audit.list_entries(session, noun="customer")
    assert (entry.actor, entry.action) == ("system", "customer.erased")
