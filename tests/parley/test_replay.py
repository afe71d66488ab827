"""Where a dialogue stood is told again from what is kept of its messages, or it is not told at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from crm_store import conversations, dialogues, said
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record
from nlu.base import State
from parley.replay import Replay
from parley.training import open_bot
from parley.workers import Worker

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
TALK = (
    "你好",
    "我想订花",
    "玫瑰",
    "什么时候开门",
    "我的电话是13800138000",
    "祝妈妈生日快乐",
    "好的",
    "谢谢",
)


@dataclass
class Talk:
    """A customer who talks with the shop of the tests."""

    worker: Worker
    database: Database
    time: datetime = NOON

    def say(self, *texts: str, payload: str = "") -> None:
        for text in texts:
            self.time += timedelta(minutes=1)
            content = Content(text=text)
            incoming = Incoming(Address("shop", "anna"), self.time.isoformat(), content, payload=payload)
            with self.database.writing() as session:
                (recorded,) = record(session, [incoming], "w", self.time)
                assert recorded
            self.worker.work([recorded.conversation_id], ())

    def stands(self) -> State:
        with self.database.reading() as session:
            one = session.exec(select(Conversation)).one().id
            return State(**dialogues.load_states(session, [one])[one])

    def replayed(self) -> State:
        replay = Replay(self.worker.bot)
        with self.database.reading() as session:
            messages = said.messages_in(session, NOON, self.time + timedelta(minutes=1))
            happened = said.what_happened(session, [one.id for one in messages])
        for one in messages:
            replay.before(one)
            replay.go_on(happened[one.id])
        return replay._state

    def change(self, **values: Any) -> None:
        """Of the last message, as another version may have left it."""
        with self.database.writing() as session:
            last = select(Message).where(Message.direction == "in").order_by(col(Message.seq).desc())
            message = session.exec(last.limit(1)).one()
            for name, value in values.items():
                setattr(message, name, value)
            session.add(message)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def talk(sqlite_url: str, models: Path) -> Iterator[Talk]:
    database = Database(sqlite_url)
    bot = open_bot(Path(__file__).parents[1] / "nlu" / "shop", models, today=lambda: date(2026, 3, 1))
    found = Talk(None, database)  # type: ignore[arg-type]
    found.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: found.time)
    yield found
    database.close()


def test_a_replayed_dialogue_stands_where_the_real_one_does_after_each_message(talk: Talk) -> None:
    forms = set()
    for text in TALK:
        talk.say(text)
        assert talk.replayed() == talk.stands()
        forms.add(talk.stands().active_loop)
    assert "booking" in forms
    talk.say("订花", payload="/book")
    assert talk.replayed() == talk.stands()
    assert talk.stands().user == {"intent": "book"}


def test_while_a_person_has_the_floor_the_dialogue_stands_still(talk: Talk) -> None:
    talk.say("我想订花", "玫瑰")
    with talk.database.writing() as session:
        conversation = session.exec(select(Conversation)).one()
        conversations.get_conversation(session, conversation.id).floor = "agent"
    before = talk.replayed()
    talk.say("13800138000", "你好")
    assert talk.replayed().but(heard_at=0) == before.but(heard_at=0)


def test_a_word_of_the_house_leaves_the_form(talk: Talk) -> None:
    talk.say("我想订花", "STOP")
    assert talk.replayed().active_loop is talk.stands().active_loop is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": [{"by": "form", "name": "gone", "action": "utter_ask_gone", "changes": []}]},
        {"decision": [{"by": "form"}, {"action": "x", "by": "rule"}]},
        {"understanding": {"text": "x", "entities": [{"strange": 1}]}},
        {"understanding": {"text": "x", "intent": "a text"}},
    ],
)
def test_what_cannot_be_told_again_begins_anew(talk: Talk, wrong: dict[str, Any]) -> None:
    talk.say("我想订花", "玫瑰")
    assert talk.replayed().active_loop == "booking"
    talk.change(**wrong)
    assert talk.replayed() == State()


def test_what_another_version_has_said_is_taken_as_said(talk: Talk) -> None:
    talk.say("我想订花", "玫瑰")
    step = {"by": "faq", "name": "faq/care", "action": "utter_faq/care", "confidence": 0.7, "changes": []}
    talk.change(decision=[step])
    found = talk.replayed()
    assert (found.active_loop, found.decided_by) == ("booking", "faq")
