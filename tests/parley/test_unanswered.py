"""What customers asked and nobody answered stands in a list, until it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from crm_store import conversations, faq_edits, privacy, unanswered
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.faq import Wording
from crm_store.faq_edits import Draft
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record
from parley.learning import Learning
from parley.training import open_bot
from parley.workers import Worker

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SHOP = Path(__file__).parents[1] / "nlu" / "shop"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


class Shop:
    """A worker over a database, and customers who write."""

    def __init__(self, database: Database, models: Path) -> None:
        self.database = database
        bot = open_bot(SHOP, models, today=lambda: date(2026, 3, 1))
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: NOW)
        self.learning = Learning(database, self.worker, models, lambda: NOW)
        self.learning.open()
        self._count = 0

    def says(self, who: str, text: str, payload: str = "") -> None:
        self._count += 1
        incoming = Incoming(Address("shop", who), f"k{self._count}", Content(text=text), payload=payload)
        now = NOW + timedelta(seconds=self._count)
        with self.database.writing() as session:
            (recorded,) = record(session, [incoming], "w", now)
            assert recorded
        self.worker.work([recorded.conversation_id], ())

    def conversation(self) -> Conversation:
        with self.database.reading() as session:
            return session.exec(select(Conversation)).one()

    def listed(self) -> list[tuple[str, int, str]]:
        with self.database.reading() as session:
            groups = unanswered.list_groups(session, NOW + timedelta(hours=1))
            assert unanswered.count_groups(session, NOW + timedelta(hours=1)) == len(groups)
            return [(group.text, group.count, group.why) for group in groups]


@pytest.fixture
def shop(database: Database, models: Path) -> Iterator[Shop]:
    shop = Shop(database, models)
    yield shop
    shop.learning._trainer.stop()


def test_questions_that_nobody_answered_are_counted_by_what_they_say(shop: Shop) -> None:
    shop.says("anna", "能帮我修自行车吗？")
    shop.says("ben", "能帮我修自行车吗")
    shop.says("carl", "do you repair umbrellas")
    ((first, twice, _), (second, once, _)) = shop.listed()
    assert (first, twice) == ("能帮我修自行车吗", 2)
    assert (second, once) == ("do you repair umbrellas", 1)


def test_what_was_answered_is_not_in_the_list(shop: Shop) -> None:
    phrasing = next(iter(shop.worker.bot.fallback.model.retriever.exact))  # type: ignore[attr-defined]
    shop.says("anna", phrasing)
    shop.says("anna", "👍")
    assert shop.listed() == []


def test_a_choice_that_is_taken_answers_what_was_asked_back(shop: Shop) -> None:
    shop.says("anna", "能帮我修自行车吗？")
    with shop.database.writing() as session:
        row = session.exec(select(unanswered.Unanswered)).one()
        row.why = "ask_back"
        session.add(row)
        unanswered.note_picked(session, [row.conversation_id])
    assert shop.listed() == []


def test_a_question_that_only_an_agent_can_answer_is_in_the_list(shop: Shop) -> None:
    shop.says("anna", "你好")
    with shop.database.writing() as session:
        conversations.take_over(session, shop.conversation().id, "lin")
    shop.says("anna", "能帮我修自行车吗？")
    shop.says("anna", "好的，那我等一下，我在楼下修自行车")
    assert shop.listed() == [("能帮我修自行车吗？", 1, "agent")]


def test_phone_numbers_do_not_get_into_the_list_and_an_erasure_empties_it(shop: Shop) -> None:
    shop.says("anna", "能帮我修自行车吗？我的电话是 13800138000")
    ((text, _, _),) = shop.listed()
    assert "138" not in text
    with shop.database.writing() as session:
        privacy.erase(session, shop.conversation().customer_id, NOW)
    assert shop.listed() == []


def test_a_question_leaves_the_list_when_it_is_dismissed_or_learned(shop: Shop) -> None:
    for text in ("能帮我修自行车吗", "你会唱歌剧吗", "do you repair umbrellas"):
        shop.says(text, text)
    draft = Draft(("能帮我修自行车吗", "自行车坏了能修吗"), (Wording("不好意思，我们不修车。", "zh"),))
    with shop.database.writing() as session:
        assert unanswered.settle(session, ["do you repair umbrellas"], "dismissed") == 1
        faq_edits.create(session, replace(draft, titles={"en": "Bikes"}), "staff:mei", NOW)
    shop.learning._train()
    assert [text for text, _, _ in shop.listed()] == ["你会唱歌剧吗"]
