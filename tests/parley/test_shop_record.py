"""The demo shop's forms and the customer's record, in both languages: nothing known is asked again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from console import floor
from console.host import Host
from crm_store import conversations, customers, edits
from crm_store.db import Database
from crm_store.edits import Edit, Editor
from parley.bot import Bot
from parley.giving_back import give_back
from tests.demo_bot import demo_bot
from tests.parley.table_bot import Table

SHOP = Path(__file__).parents[2] / "config" / "bot"
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, noon in Hangzhou
LIN = Editor("staff:lin", "agent:lin")


@pytest.fixture(scope="module")
def bot() -> Bot:
    return demo_bot()


@pytest.fixture
def shop(sqlite_url: str, bot: Bot) -> Table:
    table = Table(Database(sqlite_url), bot)
    table.clock.now = NOW
    return table


def _customer(shop: Table) -> UUID:
    return shop.messages("anna")[0].customer_id


def _conversation(shop: Table) -> UUID:
    return shop.messages("anna")[-1].conversation_id


@pytest.mark.parametrize(
    ("hello", "call", "phone", "name", "said"),
    [
        ("你好", "请给我回个电话", "电话", "我叫王小米", "王小米"),
        ("hello", "please call me back", "number", "my name is Ada", "Ada"),
    ],
    ids=["zh", "en"],
)
def test_who_has_left_a_number_with_a_colleague_is_not_asked_for_it(
    shop: Table, hello: str, call: str, phone: str, name: str, said: str
) -> None:
    shop.say("anna", hello)
    with shop.database.writing() as session:
        wanted = Edit(attributes={"phone": "+8613800138000"})
        edits.edit(session, _customer(shop), wanted, LIN, NOW)
    (question,) = shop.say("anna", call)
    assert phone not in question.lower()
    (noted,) = shop.say("anna", name)
    assert said in noted
    assert "8000" in noted
    with shop.database.reading() as session:
        facts = customers.attributes(session, _customer(shop))
    assert facts["name"].value == said
    assert (facts["phone"].value, facts["phone"].source) == ("+8613800138000", "agent:lin")


@pytest.mark.parametrize(
    ("call", "number"),
    [("请给我回个电话", "13800138000"), ("please call me back", "my number is 13800138000")],
    ids=["zh", "en"],
)
def test_half_a_form_of_last_time_is_not_asked_for_in_the_next_conversation(
    shop: Table, call: str, number: str
) -> None:
    shop.say("anna", call)
    (asks_name,) = shop.say("anna", number)
    with shop.database.writing() as session:
        conversations.close(session, _conversation(shop), NOW)
    assert shop.say("anna", call) == [asks_name]


@pytest.mark.parametrize(
    ("call", "words"),
    [("请给我回个电话", "我们接着刚才的。"), ("please call me back", "Let's go on where we were.")],
    ids=["zh", "en"],
)
def test_after_a_colleague_the_form_goes_on_with_what_is_still_unknown(
    shop: Table, bot: Bot, call: str, words: str
) -> None:
    (asks_phone,) = shop.say("anna", call)
    host = Host(
        database=shop.database,
        now=shop.clock,
        given_back=lambda session, found: give_back(session, bot, found, "resume", NOW),
    )
    floor.take_over(host, "staff:lin", _conversation(shop), "lin")
    with shop.database.writing() as session:
        wanted = Edit(attributes={"phone": "+8613800138000"})
        edits.edit(session, _customer(shop), wanted, LIN, NOW)
    floor.release(host, "staff:lin", _conversation(shop))
    told, asks_name = shop.said("anna")[-2:]
    assert told.endswith(words)
    assert asks_name != asks_phone
    (noted,) = shop.say("anna", "我叫王小米" if call == "请给我回个电话" else "my name is Ada")
    assert "8000" in noted
