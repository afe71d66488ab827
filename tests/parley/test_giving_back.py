"""A person takes over in the middle of a form and gives back: it goes on or is dropped, as is said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from console import floor
from console.host import Host
from crm_store import conversations, customers
from crm_store.db import Database
from crm_store.messages import Content, Policy
from nlu.domain import Form
from nlu.project import read_project
from parley.giving_back import give_back
from parley.training import WORDS
from tests.parley.stand_in import says, standing_in
from tests.parley.table_bot import Table, TableEar, server_at, table_bot
from tests.parley.test_bound_slots import CLUB
from tests.parley.tiny import tiny_house, until_true

RESUMED = "It's me, the assistant, again. Let's go on where we were."
DROPPED = "It's me, the assistant, again. What we had begun is dropped; tell me if you still want it."


class Office(Table):
    """The club's bot and an agent who comes and goes."""

    form: Literal["resume", "reset"] = "resume"

    def host(self) -> Host:
        return Host(
            database=self.database,
            now=self.clock,
            given_back=lambda session, found: give_back(
                session, self.worker.bot, found, self.form, self.clock()
            ),
        )

    def agent_says(self, conversation: UUID, *texts: str) -> None:
        for text in texts:
            floor.reply(self.host(), "staff:lin", conversation, Content(text=text), "lin")

    def give_back(self, conversation: UUID) -> list[str]:
        before = len(self.said("anna"))
        self.clock.pass_(60)
        floor.release(self.host(), "staff:lin", conversation)
        return self.said("anna")[before:]


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, table_bot(None, TableEar(), folder=CLUB))


def _interrupted(office: Office) -> UUID:
    conversation = office.hear("anna", "join", "13800138000")
    office.settle()
    office.agent_says(conversation, "Let me help.")
    office.say("anna", "what sizes are there?")
    return conversation


def test_the_bot_goes_on_where_it_was_and_says_so(office: Office) -> None:
    conversation = _interrupted(office)
    assert office.give_back(conversation) == [RESUMED, "Your size?"]
    assert office.say("anna", "41") == ["Join the club?"]
    assert [m.reply_to for m in office.messages("anna") if m.text == RESUMED] == [None]


def test_what_the_agent_has_noted_meanwhile_is_not_asked(office: Office) -> None:
    conversation = _interrupted(office)
    with office.database.writing() as session:
        customer = office.messages("anna")[0].customer_id
        customers.set_attribute(session, customer, "shoe size", 42, source="agent:lin", now=office.clock())
    assert office.give_back(conversation) == [RESUMED, "Join the club?"]
    assert office.say("anna", "affirm") == ["Letters?"]
    assert office.say("anna", "deny") == ["+8613800138000, 42, True, False"]


def test_a_form_that_is_complete_by_now_is_concluded(office: Office) -> None:
    conversation = _interrupted(office)
    customer = office.messages("anna")[0].customer_id
    office.agent_says(conversation, "All noted.")
    form = Form("club_form", ("phone", "size"))
    office.worker.bot.project.domain.forms["club_form"] = form
    with office.database.writing() as session:
        customers.set_attribute(session, customer, "shoe size", 42, source="agent:lin", now=office.clock())
    assert office.give_back(conversation) == [RESUMED, "+8613800138000, 42, , "]


def test_the_bot_drops_the_form_if_it_is_told_to_and_begins_anew_when_asked(office: Office) -> None:
    office.form = "reset"
    conversation = office.hear("anna", "join", "13800138000", "41", "affirm")
    office.settle()
    office.agent_says(conversation, "Let me help.")
    assert office.give_back(conversation) == [DROPPED]
    assert office.state(conversation).active_loop is None
    # What stands on the record is not asked again: phone, size and membership do.
    assert office.say("anna", "join") == ["Letters?"]


@pytest.mark.parametrize("form", ["resume", "reset"])
def test_where_nothing_was_begun_nothing_is_said(office: Office, form: Literal["resume", "reset"]) -> None:
    office.form = form
    conversation = office.hear("anna", "inform")
    office.settle()
    office.agent_says(conversation, "Hello.")
    assert office.give_back(conversation) == []
    assert office.give_back(conversation) == []


def test_it_is_said_once_however_often_it_is_given_back(office: Office) -> None:
    conversation = _interrupted(office)
    assert office.give_back(conversation) == [RESUMED, "Your size?"]
    assert office.give_back(conversation) == []
    office.agent_says(conversation, "One more thing.")
    assert office.give_back(conversation) == [RESUMED, "Your size?"]


def test_nobody_waits_for_an_action_server_when_the_floor_comes_back(database: Database) -> None:
    with standing_in() as there:
        office = Office(database, table_bot(server_at(there.url), validates=False))
        conversation = office.hear("anna", "book", "4")
        office.settle()
        office.agent_says(conversation, "Let me help.")
        asked, before = len(there.asked), office.state(conversation)
        assert office.give_back(conversation) == [RESUMED]
        assert (len(there.asked), office.state(conversation)) == (asked, before)
        office.say("anna", "at seven")
        assert office.said("anna")[-1] == "did action_confirm"


def test_a_dropped_form_forgets_what_only_it_knew(database: Database) -> None:
    with standing_in() as there:
        there.acts = lambda call: says()
        office = Office(database, table_bot(server_at(there.url), validates=False))
        office.form = "reset"
        conversation = office.hear("anna", "book", "4")
        office.settle()
        assert office.state(conversation).slots["people"] == 4
        office.agent_says(conversation, "Let me help.")
        assert office.give_back(conversation) == [DROPPED]
        assert office.say("anna", "book") == ["How many are you?"]


def test_the_words_are_there_in_both_languages() -> None:
    house = read_project(WORDS)
    for name in ("utter_form_resumed", "utter_form_dropped"):
        (chinese,) = house.respond(name, {"language": "zh"})
        (english,) = house.respond(name, {"language": "en"})
        assert "自动助手" in chinese.text
        assert "assistant" in english.text


def test_a_house_sends_it_at_once(sqlite_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        ear = TableEar()
        bot = table_bot(None, ear, folder=CLUB)
        async with tiny_house(sqlite_url, tmp_path, Policy(), ear=ear, bot=bot) as tiny:
            await tiny.ask("anna", "1", "join")
            await until_true(lambda: tiny.channel.sent == ["Your phone?"])
            host = tiny.house.console_host()
            conversation = _only(tiny.house.database)
            await asyncio.to_thread(floor.take_over, host, "staff:lin", conversation, "lin")
            await asyncio.to_thread(floor.release, host, "staff:lin", conversation)
            await until_true(lambda: tiny.channel.sent[1:] == [RESUMED, "Your phone?"])

    asyncio.run(story())


def _only(database: Database) -> UUID:
    with database.reading() as session:
        (found,) = conversations.list_conversations(session)
        return found.id
