"""Slots that are the customer's record: whatever is known is not asked again, whatever is told is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm_store import audit, consents, customers, dialogues, edits
from crm_store.customers import Attribute
from crm_store.db import Database
from crm_store.edits import Edit, Editor
from tests.parley.table_bot import Table, TableEar, table_bot

CLUB = Path(__file__).parent / "club"
LIN = Editor("staff:lin", "agent:lin")


class Club(Table):
    """The club's bot, and the record of its one customer."""

    def __init__(self, database: Database) -> None:
        self.ear = TableEar()
        super().__init__(database, table_bot(None, self.ear, folder=CLUB))

    @property
    def customer(self) -> UUID:
        return self.messages("anna")[0].customer_id

    def facts(self) -> dict[str, Attribute]:
        with self.database.reading() as session:
            return customers.attributes(session, self.customer)

    def edit(self, **attributes: Any) -> None:
        with self.database.writing() as session:
            edits.edit(session, self.customer, Edit(attributes=attributes), LIN, self.clock())

    def consent(self) -> bool | None:
        with self.database.reading() as session:
            return consents.find_consent(session, self.customer, "marketing")


@pytest.fixture
def club(database: Database) -> Club:
    return Club(database)


def test_what_a_form_is_told_stands_on_the_record_with_the_message_it_comes_from(club: Club) -> None:
    assert club.say("anna", "join") == ["Your phone?"]
    assert club.say("anna", "138 0013 8000") == ["Your size?"]
    (fact,) = club.facts().values()
    assert (fact.name, fact.value, fact.source) == ("phone", "+8613800138000", "message")
    asked = [m for m in club.messages("anna") if m.direction == "in"]
    assert fact.source_id == asked[-1].id
    changes = [change for step in asked[-1].decision or () for change in step["changes"]]
    assert changes == [{"what": "attribute", "name": "phone", "value": "+86138****8000"}]
    for text in ("41", "affirm", "affirm"):
        said = club.say("anna", text)
    assert said == ["+8613800138000, 41, True, True"]
    with club.database.reading() as session:
        assert customers.tags(session, club.customer) == ["club"]
        assert customers.find_value(session, club.customer, "shoe size") == 41
        noted = session.exec(select(audit.AuditEntry).where(col(audit.AuditEntry.noun) == "consent")).one()
    assert club.consent() is True
    assert noted.changes == {"message": str(club.messages("anna")[-2].id)}


def test_what_is_known_is_not_asked_even_if_it_becomes_known_between_two_messages(club: Club) -> None:
    club.say("anna", "inform me")
    club.edit(phone="+8613900139000")
    assert club.say("anna", "join") == ["Your size?"]
    club.edit(phone="+8613700137000")
    with club.database.writing() as session:
        customers.add_tag(session, club.customer, "club", source="agent:lin", now=club.clock())
        consents.withdraw(session, club.customer, "marketing", source_id=None, now=club.clock())
    assert club.say("anna", "40") == ["+8613700137000, 40, True, False"]


def test_a_fact_that_is_gone_is_asked_for_again(club: Club) -> None:
    club.say("anna", "join", "13800138000")
    club.edit(phone=None)
    assert club.say("anna", "41") == ["Your phone?"]


def test_an_agents_correction_stands_until_the_customer_says_otherwise(club: Club) -> None:
    club.say("anna", "join", "13800138000")
    club.edit(phone="+8613900139000")
    club.say("anna", "41")
    assert club.facts()["phone"].value == "+8613900139000"
    assert club.facts()["phone"].source == "agent:lin"


def test_what_is_said_once_more_keeps_its_first_source(club: Club) -> None:
    club.say("anna", "join")
    club.edit(phone="+8613800138000")
    club.say("anna", "13800138000")
    assert club.facts()["phone"].source == "agent:lin"


def test_a_slot_that_was_emptied_is_asked_for_though_the_record_knows(club: Club) -> None:
    conversation = club.hear("anna", "join", "13800138000")
    club.settle()
    emptied = club.worker.bot.dialogue.know(club.state(conversation), {"phone": None})
    with club.database.writing() as session:
        dialogues.save_states(session, {conversation: emptied.to_json()}, club.clock())
    assert club.say("anna", "41") == ["Your phone?"]
    assert club.facts()["phone"].value == "+8613800138000"


def test_what_nobody_could_use_is_asked_for_again_and_not_kept(club: Club) -> None:
    club.say("anna", "join")
    assert club.say("anna", "inform nobody") == ["Your phone?"]
    assert club.facts() == {}


def test_a_consent_that_was_hardly_understood_is_not_given(club: Club) -> None:
    for text in ("join", "13800138000", "41", "deny"):
        club.say("anna", text)
    club.ear.sure = 0.6
    assert club.say("anna", "affirm") == ["Letters?"]
    assert club.consent() is None
    assert club.say("anna", "deny") == ["+8613800138000, 41, False, False"]
    assert club.consent() is False


def test_who_starts_anew_is_asked_only_what_is_not_known(club: Club) -> None:
    club.say("anna", "join", "13800138000", "41")
    club.say("anna", "forget")
    assert club.say("anna", "join") == ["Join the club?"]
    assert club.facts()["phone"].value == "+8613800138000"


def test_a_form_filled_in_half_goes_on_after_a_restart_and_asks_nothing_twice(club: Club) -> None:
    said = club.say("anna", "join", "13800138000")
    other = Club(club.database)  # another process: nothing of the first is left but the database
    other.keys, other.clock.now = club.keys, club.clock.now
    for text in ("41", "affirm", "affirm"):
        said += other.say("anna", text)
    assert said == [
        "Your phone?",
        "Your size?",
        "Join the club?",
        "Letters?",
        "+8613800138000, 41, True, True",
    ]


def test_two_customers_of_one_round_do_not_learn_of_each_other(club: Club) -> None:
    club.hear("ben", "join", "13800138000")
    club.hear("anna", "join")
    club.settle()
    assert club.said("ben") == ["Your phone?", "Your size?"]
    assert club.said("anna") == ["Your phone?"]
    assert club.facts() == {}
