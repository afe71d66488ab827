"""Actions that run elsewhere: what they bring is written once and whole, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from actions.base import Action, Turn
from crm_store import conversations, customers
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Content, Policy
from tests.parley.stand_in import Json, StandIn, says, standing_in
from tests.parley.table_bot import Table, TableEar, server_at, table_bot
from tests.parley.tiny import tiny_house, until_true

SECRET = "my number is 13800138000"


@pytest.fixture
def there() -> Iterator[StandIn]:
    """The action server."""
    with standing_in() as stand_in:
        yield stand_in


@pytest.fixture
def table(database: Database, there: StandIn) -> Table:
    return Table(database, table_bot(server_at(there.url, deadline=1.0)))


def test_a_server_that_fails_is_asked_again_under_the_same_key_and_then_a_person_comes(
    table: Table, there: StandIn
) -> None:
    there.acts = lambda call: (500, {"error": SECRET})
    conversation = table.hear("anna", f"look {SECRET}", "book")
    with capture_logs() as logs:
        for _ in range(6):
            table.settle()
            table.clock.pass_(20)
    parked, _ = (m for m in table.messages("anna") if m.direction == "in")
    assert (parked.work, parked.attempts) == ("parked", 3)
    assert table.floor(conversation) == "waiting"
    keys = [key for key, call in zip(there.keys, there.asked, strict=True) if call["tracker"]["slots"]]
    assert (len(set(keys)), len(keys)) == (1, 3)
    failed = [line for line in logs if line["event"] == "action.failed"]
    assert [line["action"] for line in failed] == ["action_validate_slot_mappings"] * 3
    assert "HTTP 500" in failed[0]["why"]
    assert "13800138000" not in str(logs)


def test_a_form_survives_a_server_that_is_away_for_two_tries(table: Table, there: StandIn) -> None:
    there.acts = _validates
    assert table.say("anna", "book") == ["How many are you?"]
    there.acts = lambda call: (503, {})
    table.hear("anna", "4")
    for _ in range(2):
        table.settle()
        table.clock.pass_(20)
    there.acts = _validates
    table.settle()
    assert table.said("anna")[1:] == ["did action_ask_time"]


def _validates(call: Json) -> tuple[int, Json]:
    if call["next_action"].startswith(("validate_", "action_validate_")):
        return says()
    return says(f"did {call['next_action']}")


def test_an_answer_that_nobody_has_written_down_is_asked_for_again_under_the_same_key(
    table: Table, there: StandIn
) -> None:
    there.acts = _validates
    table.hear("anna", "look")
    asking = table.work().asking
    # The server has acted, and then the process dies.
    server = table.worker.bot.server
    assert server
    for one in asking.values():
        server.run(one.call)
    table.clock.pass_(20)
    table.settle()
    assert table.said("anna") == ["did action_look"]
    first, second, third = there.keys
    assert first == second != third
    assert there.named() == ["action_validate_slot_mappings"] * 2 + ["action_look"]


def test_what_a_turn_does_before_it_comes_to_the_server_is_not_seen_until_all_of_it_is_done(
    table: Table, there: StandIn
) -> None:
    there.acts = _validates

    def action_here(turn: Turn) -> list[Content]:
        customers.add_tag(turn.session, turn.customer_id, "seen", source="message", now=turn.now)
        turn.set_slot("booking", "here")
        return [Content(text="here")]

    cast(dict[str, Action], table.worker.bot.actions)["action_here"] = action_here
    conversation = table.hear("anna", "both")
    asking = table.work().asking
    while asking[conversation].call.action != "action_look":
        asking = table.worker.ask(asking[conversation], ()).asking
    assert (_tags(table), table.said("anna")) == ([], [])
    assert asking[conversation].call.tracker["slots"]["booking"] == "here"
    assert table.worker.ask(asking[conversation], ()).asking == {}
    assert (_tags(table), table.said("anna")) == (["seen"], ["here", "did action_look"])


def _tags(table: Table) -> Sequence[str]:
    with table.database.reading() as session:
        return customers.tags(session, table.messages("anna")[0].customer_id)


def test_a_takeover_while_the_server_thinks_silences_the_answer(table: Table, there: StandIn) -> None:
    there.acts = _validates
    conversation = table.hear("anna", "look")
    (asking,) = table.work().asking.values()
    with table.database.writing() as session:
        conversations.take_over(session, conversation, "aki")
    assert table.worker.ask(asking, ()).asking == {}
    assert table.said("anna") == []
    assert table.messages("anna")[0].work is None


def test_messages_behind_one_that_waits_keep_their_order(table: Table, there: StandIn) -> None:
    there.acts = _validates
    table.hear("anna", "look", "book", "4")
    table.hear("ben", "look")
    table.settle()
    assert table.said("anna") == ["did action_look", "How many are you?", "did action_ask_time"]
    assert table.said("ben") == ["did action_look"]


def test_a_server_that_hangs_holds_up_only_who_needs_it(
    database_url: str, tmp_path: Path, there: StandIn
) -> None:
    gate = threading.Event()

    def acts(call: Json) -> tuple[int, Json]:
        if call["next_action"] == "action_look" and not gate.wait(20):
            return 500, {}
        return _validates(call)

    async def story() -> None:
        there.acts = acts
        ear = TableEar()
        bot = table_bot(server_at(there.url, deadline=30.0), ear, validates=False)
        async with tiny_house(database_url, tmp_path, Policy(), ear=ear, bot=bot) as tiny:
            await asyncio.gather(*(tiny.ask(f"slow{n}", "1", "look") for n in range(20)))
            await asyncio.gather(*(tiny.ask(f"quick{n}", "1", "here") for n in range(20)))
            # Theirs as well, but quick.
            await asyncio.gather(*(tiny.ask(f"other{n}", "1", "forget") for n in range(20)))
            await until_true(lambda: len(tiny.channel.sent) == 40, 15)
            assert set(tiny.channel.sent) == {"here", "did action_forget"}
            gate.set()
            await until_true(lambda: len(tiny.channel.sent) == 60, 20)
            with tiny.house.database.reading() as session:
                waiting = session.exec(select(Message).where(col(Message.work).is_not(None))).all()
            assert waiting == []

    asyncio.run(story())
    assert len({call["sender_id"] for call in there.asked}) == 40


@pytest.mark.parametrize("inline", [0.0, 2.0])
def test_a_quick_server_answers_within_the_platforms_own_request(
    sqlite_url: str, tmp_path: Path, there: StandIn, inline: float
) -> None:
    async def story() -> None:
        there.acts = _validates
        ear = TableEar()
        bot = table_bot(server_at(there.url), ear)
        async with tiny_house(sqlite_url, tmp_path, Policy(inline_within=inline), ear=ear, bot=bot) as tiny:
            answer = await tiny.ask("anna", "1", "look")
            if inline:
                assert (answer, tiny.channel.sent) == ("did action_look", [])
            else:
                await until_true(lambda: tiny.channel.sent == ["did action_look"], 10)

    asyncio.run(story())
