"""What two versions take differently, written down while other things happen to the same customers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from crm_store import comparisons, privacy, trainings
from crm_store.comparisons import Compared, Comparison
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming
from crm_store.recording import Recorded, record

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
WAITS = text(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def compared(session: Session, minute: int = 0) -> Comparison:
    found = Comparison(
        asked_by="staff:mei", created_at=NOW + timedelta(minutes=minute), from_at=NOW, until_at=NOW
    )
    session.add(found)
    return found


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """Only there do two write at once."""
    opened = Database(postgres_url)
    yield opened
    opened.close()


def said(database: Database) -> Recorded:
    with database.writing() as session:
        (found,) = record(session, [Incoming(Address("shop", "anna"), "1", Content(text="hi"))], "w", NOW)
    assert found is not None
    return found


def difference(heard: Recorded, customer_id: UUID) -> dict[str, Any]:
    outcome = {"intent": "greet", "confidence": 1.0, "by": "rule", "name": "x"}
    return {
        "message_id": heard.message_id, "conversation_id": heard.conversation_id,
        "customer_id": customer_id, "number": 0, "kind": "lost", "text": "hi",
        "before": outcome, "after": outcome, "asked_at": NOW,
    }  # fmt: skip


def until_it_waits(database: Database, thread: threading.Thread) -> None:
    """Until the thread waits for a lock, or is through."""
    until = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < until:
        with database.reading() as session:
            if session.execute(WAITS).first():
                return


def test_who_is_erased_while_a_difference_is_written_down_leaves_nothing_behind(database: Database) -> None:
    heard = said(database)
    with database.writing() as session:
        asked = compared(session).id
        customer_id = session.get_one(Conversation, heard.conversation_id).customer_id

    def erase() -> None:
        with database.writing() as session:
            privacy.erase(session, customer_id, NOW)

    erasing = threading.Thread(target=erase)
    row = difference(heard, customer_id)
    with database.writing() as session:
        assert comparisons.note(session, asked, [row], 1, 1.0)
        erasing.start()
        until_it_waits(database, erasing)
    erasing.join(20)
    assert not erasing.is_alive()
    with database.reading() as session:
        assert session.exec(select(Compared)).all() == []
    with database.writing() as session:
        assert comparisons.note(session, asked, [row], 1, 1.0)
    with database.reading() as session:
        assert session.exec(select(Compared)).all() == []


def test_the_oldest_makes_room_for_a_new_one_even_while_it_is_written_to(database: Database) -> None:
    heard = said(database)
    with database.writing() as session:
        trainings.ask(session, "staff:mei", NOW)
    with database.writing() as session:
        training = trainings.start(session, NOW)
        assert training is not None
        trainings.keep_model(session, training, {}, b"")
        oldest, *_ = [compared(session, minute).id for minute in range(10)]
        customer_id = session.get_one(Conversation, heard.conversation_id).customer_id
    row = difference(heard, customer_id)

    def ask() -> None:
        with database.writing() as session:
            comparisons.ask(session, (None, training.id), (NOW, LATER), "staff:mei", NOW)

    asking = threading.Thread(target=ask)
    with database.writing() as session:
        assert comparisons.note(session, oldest, [row], 1, 1.0)
        asking.start()
        until_it_waits(database, asking)
    asking.join(20)
    with database.reading() as session:
        kept = comparisons.list_comparisons(session)
    assert len(kept) == 10
    assert oldest not in {one.id for one in kept}
