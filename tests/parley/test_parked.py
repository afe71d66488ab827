"""Parked turns that are replayed: answered once, in order, and never over a person's head."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select

from crm_store import audit, conversations, outbox, parked, privacy
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Content, Refused
from tests.parley.test_workers import Desk
from tests.parley.tiny import Ear, tiny_bot

COMING = "utter_handover_coming"


class Mended(Ear):
    """Understands what it once could not."""

    def understand(self, texts: Any) -> Any:
        heard = super().understand([text.replace("boom", "b00m") for text in texts])
        return [replace(one, text=one.text.replace("b00m", "boom")) for one in heard]


class Shop(Desk):
    """A desk with an operator."""

    def park(self, *texts: str) -> tuple[UUID, list[UUID]]:
        """The conversation in which these are parked, and their ids."""
        conversation = self.hear("anna", *texts)
        for _ in texts:
            self.work_until_settled()
        return conversation, [p.message.id for p in reversed(self.parked())]

    def mend(self) -> None:
        self.worker.bot = tiny_bot(Mended())

    def parked(self) -> list[parked.Parked]:
        with self.database.reading() as session:
            return parked.list_parked(session)

    def replay(self, message_id: UUID) -> None:
        with self.database.writing() as session:
            parked.replay(session, message_id, "staff:ada", self.clock())


def test_a_parked_turn_says_which_error_it_was_where_and_when(database: Database) -> None:
    shop = Shop(database)
    _, (boom,) = shop.park("boom")
    (found,) = shop.parked()
    assert (found.message.id, found.error, found.message.attempts) == (boom, "ValueError", 3)
    assert "tiny.py" in found.trace
    assert found.message.created_at < found.parked_at <= shop.clock()
    with database.reading() as session:
        assert parked.count_parked(session) == 1


def test_a_replay_is_answered_once_and_the_bot_has_the_floor_again(database: Database) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    assert (shop.said("anna"), shop.floor(conversation)) == ([COMING], "waiting")
    shop.mend()
    shop.replay(boom)
    with pytest.raises(Refused, match=parked.NOT_PARKED):
        shop.replay(boom)
    shop.work_until_settled()
    assert (shop.said("anna"), shop.floor(conversation)) == ([COMING, "re boom"], "bot")
    assert shop.parked() == []


def test_what_fails_again_is_parked_again_and_a_person_is_called_again(database: Database) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    shop.replay(boom)
    shop.work_until_settled()
    (found,) = shop.parked()
    assert (found.message.id, found.message.attempts) == (boom, 3)
    assert (shop.said("anna"), shop.floor(conversation)) == ([COMING, COMING], "waiting")


def test_several_are_answered_in_the_order_in_which_they_came(database: Database) -> None:
    shop = Shop(database)
    _, ids = shop.park("boom 1", "boom 2")
    shop.mend()
    for one in reversed(ids):
        shop.replay(one)
    shop.work_until_settled()
    assert shop.said("anna")[-2:] == ["re boom 1", "re boom 2"]


def test_after_a_newer_answer_a_replay_is_heard_without_a_word(database: Database) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    with database.writing() as session:
        conversations.release(session, conversation)
    shop.hear("anna", "newer")
    shop.work_until_settled()
    before = shop.said("anna")
    assert before[-1] == "re newer"
    shop.mend()
    shop.replay(boom)
    shop.work_until_settled()
    assert shop.said("anna") == before
    heard = next(m for m in shop.messages("anna") if m.id == boom)
    assert (heard.work, heard.understanding and heard.understanding["text"]) == (None, "boom")


def test_that_somebody_is_coming_is_no_answer(database: Database) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    shop.clock.pass_(600)
    shop.hear("anna", "hello?")
    shop.work_until_settled()
    assert shop.said("anna")[-1] == "utter_still_waiting"
    shop.mend()
    shop.replay(boom)
    shop.work_until_settled()
    assert (shop.said("anna")[-1], shop.floor(conversation)) == ("re boom", "bot")


@pytest.mark.parametrize("answered", [False, True])
def test_while_a_person_has_the_floor_a_replay_makes_the_bot_say_nothing(
    database: Database, answered: bool
) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    with database.writing() as session:
        held = conversations.take_over(session, conversation, "mia")
        if answered:
            content = Content(text="I see")
            row = outbox.draft(held, content, sender="agent", source="agent:mia", now=shop.clock())
            outbox.queue(session, [row])
    before = shop.said("anna")
    shop.mend()
    shop.replay(boom)
    shop.work_until_settled()
    assert (shop.said("anna"), shop.floor(conversation)) == (before, "agent")


def test_who_had_asked_for_a_person_before_still_gets_one(database: Database) -> None:
    shop = Shop(database)
    conversation = shop.hear("anna", "a person please")
    shop.work_until_settled()
    _, (boom,) = shop.park("boom")
    shop.mend()
    shop.replay(boom)
    shop.work_until_settled()
    assert shop.floor(conversation) == "waiting"
    assert "re boom" not in shop.said("anna")


def test_of_a_closed_conversation_nothing_is_replayed(database: Database) -> None:
    shop = Shop(database)
    conversation, (boom,) = shop.park("boom")
    with database.writing() as session:
        conversations.close(session, conversation, shop.clock())
    with pytest.raises(Refused, match=parked.OVER):
        shop.replay(boom)
    with database.writing() as session:
        parked.dismiss(session, boom, "staff:ada", shop.clock())
    assert shop.parked() == []


def test_what_is_dismissed_keeps_its_traceback_and_both_deeds_are_audited(database: Database) -> None:
    shop = Shop(database)
    _, ids = shop.park("boom 1", "boom 2")
    with database.writing() as session:
        parked.dismiss(session, ids[0], "staff:ada", shop.clock())
    shop.replay(ids[1])
    with database.reading() as session:
        dismissed = session.exec(select(Message).where(Message.id == ids[0])).one()
        noted = [(e.action, e.noun_id, e.actor) for e in reversed(audit.list_entries(session))]
    assert "ValueError" in str(dismissed.decision)
    assert noted == [
        ("turn.dismissed", str(ids[0]), "staff:ada"),
        ("turn.replayed", str(ids[1]), "staff:ada"),
    ]


def test_what_an_erased_customer_wrote_is_parked_no_more(database: Database) -> None:
    shop = Shop(database)
    _, (boom,) = shop.park("boom")
    with database.writing() as session:
        customer = shop.parked()[0].message.customer_id
        privacy.erase(session, customer, shop.clock() + timedelta(seconds=1))
    assert shop.parked() == []
    with pytest.raises(Refused):
        shop.replay(boom)
