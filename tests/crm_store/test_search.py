"""Search: any part of what was said or is known is found, soon, in both databases, until it is erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy
import structlog
from sqlmodel import select

import crm_store.tables  # noqa: F401  (all tables are declared)
from crm_store import conversations, customers, outbox, privacy, search_index
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming
from crm_store.recording import record
from crm_store.search import find_conversations, find_customers, snippet
from crm_store.search_index import Progress

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def say(database: Database, who: str, *texts: str, name: str = "") -> UUID:
    """Messages of one person; returns the conversation's id."""
    with database.writing() as session:
        batch = [
            Incoming(
                Address("shop", who), f"{who} {text}", Content(text=text), profile={"display_name": name}
            )
            for text in texts
        ]
        (first, *_) = record(session, batch, "w", NOW)
    assert first
    return first.conversation_id


def read(database: Database, now: datetime = NOW) -> None:
    with database.writing() as session:
        search_index.read_late(session, now)
        search_index.tick(session, now)


def found(database: Database, words: str, **more: Any) -> list[UUID]:
    with database.reading() as session:
        return [one.conversation_id for one in find_conversations(session, words, **more)]


def customer_of(database: Database, conversation: UUID) -> UUID:
    with database.reading() as session:
        return conversations.get_conversation(session, conversation).customer_id


TEXTS = {
    "zh": "请问你们春节期间几点开门？我想订八两龙井茶",
    "ko": "주문한 우롱차는 언제 배송되나요",
    "en": "Where is my ORDER T20260101? Delivery to Zürich",
    "phone": "我的电话是 13812345678，谢谢",
    "wide": "ＡＢＣ１２３ 全角也要找到",
    "emoji": "👍👍",
}


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("开门", "zh"), ("门", "zh"), ("茶", "zh"), ("春节期间几点开门", "zh"), ("几点 龙井", "zh"),
        ("우롱", "ko"), ("배송되", "ko"), ("나요", "ko"), ("요", "ko"),
        ("order", "en"), ("deliv", "en"), ("t20260101", "en"), ("T2026", "en"), ("zürich", "en"),
        ("where delivery", "en"), ("13812345678", "phone"), ("1381234", "phone"), ("电话是138", "phone"),
        ("abc123", "wide"), ("全角", "wide"),
    ],
)  # fmt: skip
def test_any_part_of_what_was_said_is_found(database: Database, words: str, who: str) -> None:
    ids = {name: say(database, name, text) for name, text in TEXTS.items()}
    read(database)
    assert found(database, words) == [ids[who]]


@pytest.mark.parametrize(
    "words", ["开茶", "关门", "", "   ", "?!", "elivery", "x", '"', "a' OR 1=1 --", "'"]
)
def test_what_was_not_said_is_not_found_and_nothing_breaks(database: Database, words: str) -> None:
    for name, text in TEXTS.items():
        say(database, name, text)
    read(database)
    assert found(database, words) == []


def test_the_newest_come_first_each_conversation_once_and_pages_go_on(database: Database) -> None:
    ids = [say(database, f"p{n}", "龙井 one", "龙井 two") for n in range(5)]
    read(database)
    assert found(database, "龙井") == ids[::-1]
    with database.reading() as session:
        first = find_conversations(session, "龙井", limit=2)
        second = find_conversations(session, "龙井", limit=2, before=first[-1].seq)
    assert [one.conversation_id for one in first] == ids[:2:-1]
    assert [one.conversation_id for one in second][-1] == ids[2]


def test_a_customer_is_found_by_name_and_attributes_and_as_they_are_now(database: Database) -> None:
    wang, kim = say(database, "w", "hi", name="王小明"), say(database, "k", "hi", name="김민수 Kim")
    mine = customer_of(database, wang)
    with database.writing() as session:
        customers.set_attribute(session, mine, "phone", "13900001111", source="agent", now=NOW)
        customers.set_attribute(session, mine, "city", "杭州市", source="agent", now=NOW)
    read(database)

    def known(words: str) -> list[UUID]:
        with database.reading() as session:
            return [one.customer_id for one in find_customers(session, words)]

    for words in ("小明", "王", "1390000", "杭州", "王 杭州"):
        assert known(words) == [mine], words
    assert known("민수") == known("kim") == [customer_of(database, kim)]
    assert found(database, "杭州") == [wang]  # The inbox finds the conversations of whom one looks for.
    with database.writing() as session:
        customers.set_attribute(session, mine, "city", "苏州市", source="agent", now=NOW)
        customers.set_display_name(session, mine, "王大明", NOW)
    read(database)
    assert known("杭州") == known("小明") == []
    assert known("苏州 大明") == [mine]


@pytest.mark.parametrize("asked", ["13900001111", "+86 139-0000-1111", "139", "1111", "8613900001111"])
def test_a_phone_number_is_found_however_it_is_written(database: Database, asked: str) -> None:
    mine = customer_of(database, say(database, "w", "hi"))
    with database.writing() as session:
        customers.set_attribute(session, mine, "phone", "+86 139-0000-1111", source="agent", now=NOW)
    read(database)
    with database.reading() as session:
        assert [one.customer_id for one in find_customers(session, asked)] == [mine]


def test_what_stood_there_before_the_index_is_read_too_with_progress_in_the_log(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [say(database, f"p{n}", f"龙井 {n}") for n in range(5)]
    with database.writing() as session:  # As the migration finds them.
        progress = session.get_one(Progress, 1)
        progress.newest = max(one.seq or 0 for one in session.exec(select(Message)))
        progress.oldest = progress.newest + 1
    new = say(database, "new", "龙井")
    monkeypatch.setattr(search_index, "MOST_MESSAGES", 3)
    with structlog.testing.capture_logs() as logs:
        read(database)
        assert found(database, "龙井") == [new, *old[:2:-1]]  # The newest are read first.
        for _ in range(3):
            read(database)
    assert found(database, "龙井") == [new, *old[::-1]]
    assert [entry["left"] for entry in logs if entry["event"] == "search.indexed"][-1] == 0
    with structlog.testing.capture_logs() as logs:
        read(database)
    assert logs == []


def test_what_is_committed_late_is_read_all_the_same(postgres_url: str) -> None:
    database = Database(postgres_url)
    say(database, "anna", "first")
    with database.writing() as late:
        (recorded,) = record(late, [Incoming(Address("shop", "late"), "1", Content(text="迟到"))], "w", NOW)
        assert recorded
        say(database, "ben", "newer")
        read(database)
        assert found(database, "newer")
    read(database, NOW + timedelta(seconds=5))
    assert found(database, "迟到") == [recorded.conversation_id]
    database.close()


def test_an_erasure_takes_the_words_too(database: Database) -> None:
    mine, other = say(database, "anna", "暗号四七一一", name="安娜"), say(database, "ben", "暗号四七一一")
    read(database)
    assert set(found(database, "四七")) == {mine, other}
    with database.writing() as session:
        privacy.erase(session, customer_of(database, mine), NOW)
    assert found(database, "四七") == [other]
    read(database)
    assert found(database, "四七") == [other]
    assert found(database, "安娜") == []


def test_an_erasure_waits_for_who_reads_so_that_no_word_is_written_down_after_it(postgres_url: str) -> None:
    database = Database(postgres_url)
    mine = customer_of(database, say(database, "anna", "暗号四七一一"))
    with database.engine.connect() as reader, database.writing() as session:
        reader.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(hashtext('search'))"))
        session.execute(sqlalchemy.text("SET LOCAL lock_timeout = '200ms'"))
        with pytest.raises(sqlalchemy.exc.OperationalError, match="lock timeout"):
            privacy.erase(session, mine, NOW)
        session.rollback()
    database.close()


def test_no_search_reads_a_whole_table(database: Database) -> None:
    for name, text in TEXTS.items():
        say(database, name, text, name=name)
    read(database)
    plans: list[str] = []

    def explain(
        connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        if many or not statement.lstrip().startswith(("SELECT", "WITH")):
            return
        how = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        raw = connection.connection.cursor()
        if not database.is_sqlite:
            raw.execute("SET LOCAL enable_seqscan = off")
        raw.execute(f"{how} {statement}", values)
        plans.extend(str(row[-1]) for row in raw.fetchall())

    sqlalchemy.event.listen(database.engine, "before_cursor_execute", explain)
    assert found(database, "开门 order") == []
    assert found(database, "开门")
    read(database)
    scans = [
        step for step in plans if step.startswith("SCAN ") and step.split()[1] not in ("f", "search_due")
    ]
    assert not scans
    assert not [step for step in plans if "Seq Scan" in step]
    uses = "VIRTUAL TABLE INDEX" if database.is_sqlite else "message_words"
    assert any(uses in step for step in plans)


def test_a_snippet_shows_what_was_looked_for_in_its_midst() -> None:
    said = "很" * 50 + "几点开门呢" + "长" * 50
    shown = snippet(said, "开门")
    assert (shown.match, shown.before[:1], shown.after[-1:]) == ("开门", "…", "…")
    assert len(shown.before + shown.after) < 70
    assert snippet("Delivery?", "delivery").match == "Delivery"
    assert snippet("nothing of it", "xyz") == snippet("nothing of it", "")


def test_every_message_with_words_is_in_the_index_whatever_its_kind(database: Database) -> None:
    for name, text in TEXTS.items():
        say(database, name, text)
    read(database)
    with database.reading() as session:
        known = set(session.exec(select(search_index.MessageWords.seq)))
        assert known == set(session.exec(select(Message.seq)))


def test_what_agents_wrote_is_found_but_not_what_the_bot_tells_everybody(database: Database) -> None:
    wrote = say(database, "who", "nothing of the kind")
    with database.writing() as session:
        conversation = conversations.get_conversation(session, wrote)
        for sender, source, text in (
            ("agent", "agent:mei", "you may return the teapot"),
            ("bot", "action:faq", "return it within a week"),
            ("campaign", "campaign:12", "return visitors get a gift"),
        ):
            content = Content(text=text)
            row = outbox.draft(conversation, content, sender=sender, source=source, now=NOW)  # type: ignore[arg-type]
            outbox.queue(session, [row])
    read(database)
    assert found(database, "teapot") == [wrote]
    assert found(database, "week") == found(database, "gift") == []
