"""Rounds: what waits is written together, and a message has its turn in the transaction that records it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest
import structlog.testing
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from actions.base import Turn
from crm_store import conversations, customers
from crm_store.conversations import Conversation
from crm_store.db import Database, new_id
from crm_store.dialogues import load_states
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy, Sent
from crm_store.outbox import Outgoing
from crm_store.recording import Recorded, record
from crm_store.sending import Outcome
from parley.rounds import Arrival, Rounds
from parley.worked import Worked
from parley.workers import AT_ONCE, Worker
from tests.parley.tiny import Clock, Ear, tiny_bot


def said(who: str, text: str) -> Incoming:
    return Incoming(Address("shop", who), f"{who} {text}", Content(text=text))


class Desk:
    """A worker's rounds, and what they led to."""

    def __init__(self, database: Database, ear: Ear | None = None, **bot: Any) -> None:
        self.database, self.clock = database, Clock()
        policies = {"shop": Policy(inline_within=4.0)}
        self.worker = Worker(database, tiny_bot(ear, **bot), "w", policies, self.clock)
        self.rounds = Rounds(database, self.worker, self.clock, at_once=1)  # so that a round is one
        self.rounds.written = self._written
        self.worked = Worked()

    def _written(self, recorded: Sequence[Recorded], worked: Worked) -> None:
        self.worked.add(worked)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def hear(self, *incoming: Incoming, inline: bool = True) -> list[Recorded]:
        found: list[Recorded] = self.run(self.rounds.record([Arrival(one, inline) for one in incoming]))
        return found

    def rows(self, who: str) -> list[tuple[str, str, str | None]]:
        with self.database.reading() as session:
            query = select(Message).where(Message.external_id == who).order_by(col(Message.seq))
            return [(m.text, m.status, m.work) for m in session.exec(query)]

    def talk(self, who: str) -> Conversation:
        with self.database.reading() as session:
            return session.exec(select(Conversation).where(Conversation.external_id == who)).one()

    def offered(self, who: str) -> list[Outgoing]:
        return [
            row for key, rows in self.worked.offered.items() if key[0].external_id == who for row in rows
        ]


def test_a_message_is_recorded_and_answered_in_one_commit(database: Database) -> None:
    desk = Desk(database)
    (one, _) = desk.hear(said("ann", "hello"), said("bob", "two"))
    assert desk.rows("ann") == [("hello", "received", None), ("re hello", "sending", None)]
    assert [text for text, _, _ in desk.rows("bob")] == ["two", "re two", "re two"]
    assert [row.content.text for row in desk.offered("ann")] == ["re hello"]
    assert not one.repeat
    assert desk.talk("ann").leased_by is None
    assert one.conversation_id in desk.worked.done


def test_without_an_open_request_the_answer_waits_in_the_outbox(database: Database) -> None:
    desk = Desk(database)
    desk.hear(said("ann", "hello"), inline=False)
    assert desk.rows("ann")[1] == ("re hello", "queued", None)
    assert desk.worked.queued == {"shop"}
    assert not desk.offered("ann")


def test_two_messages_of_one_person_in_a_round_are_answered_in_their_order(database: Database) -> None:
    desk = Desk(database)
    desk.hear(said("ann", "one"), said("ann", "again"))
    assert [text for text, _, _ in desk.rows("ann")] == ["one", "again", "re one", "re again"]


def count(turn: Turn) -> list[Content]:
    """Say how many messages of the conversation have had their turn."""
    if "fail" in turn.text:
        raise LookupError("an action that does not work")
    turn.set_slots["n"] = turn.slots.get("n", 0) + 1
    return [Content(text=f"{turn.text} is {turn.set_slots['n']}")]


def test_many_messages_have_their_turns_in_their_order_some_at_a_time(database: Database) -> None:
    desk = Desk(database, actions={"action_repeat": count})
    who = ["ann", "bob", "eve"]
    texts = [(who[number % 3], f"{number}") for number in range(3 * AT_ONCE + 2)]
    desk.hear(*(said(*pair) for pair in texts))
    for one in who:
        mine = [text for name, text in texts if name == one]
        answers = [f"{text} is {place}" for place, text in enumerate(mine, 1)]
        assert [text for text, _, _ in desk.rows(one)] == [*mine, *answers]
        assert [row.content.text for row in desk.offered(one)] == answers
        with database.reading() as session:
            (state,) = load_states(session, [desk.talk(one).id]).values()
            assert state["slots"]["n"] == len(mine)


def test_a_turn_that_fails_takes_back_those_that_were_written_before_it(database: Database) -> None:
    desk = Desk(database, actions={"action_repeat": count})
    texts = [*(f"{number}" for number in range(2 * AT_ONCE)), "fail"]
    recorded = desk.hear(*(said("ann", text) for text in texts))
    assert desk.rows("ann") == [(text, "received", "waiting") for text in texts]
    assert not desk.worked.offered
    for _ in texts:  # One by one: somebody among them is at fault.
        desk.worker.work([recorded[0].conversation_id], ())
    answers = [f"{text} is {place}" for place, text in enumerate(texts[:-1], 1)]
    assert [text for text, _, _ in desk.rows("ann")] == [*texts, *answers]


def swallow(turn: Turn) -> list[Content]:
    """An action that keeps an error of the database to itself."""
    if "bad" in turn.text:
        with suppress(SQLAlchemyError):
            customers.set_attribute(turn.session, new_id(), "size", 1, source="import", now=turn.now)
            load_states(turn.session, [turn.conversation_id])
    return [Content(text=f"re {turn.text}")]


def test_an_action_that_swallows_an_error_of_the_database_costs_nobody_a_word(database: Database) -> None:
    desk = Desk(database, actions={"action_repeat": swallow})
    recorded = desk.hear(said("ann", "good"), said("bob", "bad"))
    assert [one.repeat for one in recorded] == [False, False]
    assert desk.rows("bob")[0][:2] == ("bad", "received")
    assert desk.rows("ann")[0][0] == "good"
    for one in recorded:
        desk.worker.work([one.conversation_id], ())
    assert [text for text, _, _ in desk.rows("ann")] == ["good", "re good"]


def test_a_repeat_is_not_answered_again(database: Database) -> None:
    desk = Desk(database)
    desk.hear(said("ann", "hello"))
    (again,) = desk.hear(said("ann", "hello"))
    assert again.repeat
    assert not again.waiting
    assert len(desk.rows("ann")) == 2


def test_a_turn_that_fails_costs_nobody_a_word_and_is_left_for_later(database: Database) -> None:
    desk = Desk(database)
    for text in ("boom", "fail"):
        bad, good = desk.hear(said(text, text), said(f"with {text}", "hello"))
        assert bad.leased
        assert good.leased
        assert desk.rows(text) == [(text, "received", "waiting")]
        assert desk.rows(f"with {text}") == [("hello", "received", "waiting")]
        desk.worker.work([good.conversation_id], ())
        assert [row[0] for row in desk.rows(f"with {text}")] == ["hello", "re hello"]


def test_what_an_error_says_is_in_no_log_since_it_may_repeat_the_customer(database: Database) -> None:
    desk = Desk(database)
    with structlog.testing.capture_logs() as log:
        desk.hear(said("anna", "boom"))
    (told,) = [entry for entry in log if entry["event"] == "round.repeated"]
    assert (told["error"], told["messages"]) == ("ValueError", 1)
    assert "exc_info" not in told
    assert "cannot be understood" not in str(log)


def test_nothing_overtakes_what_waits_already(database: Database) -> None:
    desk = Desk(database)
    with database.writing() as session:
        record(session, [said("ann", "first")], "dead", desk.clock())
    desk.clock.pass_(60)  # Whoever had the lease is gone.
    (second,) = desk.hear(said("ann", "second"))
    assert second.leased
    assert not desk.worked.done
    desk.worker.work([second.conversation_id], ())
    assert [row[0] for row in desk.rows("ann")] == ["first", "second", "re first", "re second"]


def test_a_conversation_of_another_worker_is_left_to_it(database: Database) -> None:
    desk = Desk(database)
    with database.writing() as session:
        record(session, [said("ann", "first")], "other", desk.clock())
    (second,) = desk.hear(said("ann", "second"))
    assert not second.leased
    assert desk.talk("ann").leased_by == "other"
    assert [work for _, _, work in desk.rows("ann")] == ["waiting", "waiting"]


def test_while_an_agent_has_the_floor_a_round_says_nothing(database: Database) -> None:
    desk = Desk(database)
    (one,) = desk.hear(said("ann", "hello"))
    with database.writing() as session:
        conversations.take_over(session, one.conversation_id, "lin")
    desk.hear(said("ann", "anybody"))
    assert [row[0] for row in desk.rows("ann")] == ["hello", "re hello", "anybody"]
    with database.reading() as session:
        heard = session.exec(select(Message).where(Message.text == "anybody")).one()
    assert heard.work is None
    assert heard.understanding is not None


def test_a_remote_engine_is_not_asked_before_the_words_are_kept(database: Database) -> None:
    desk = Desk(database, Ear(remote=True))
    (one,) = desk.hear(said("ann", "boom"))
    assert one.leased
    assert desk.rows("ann") == [("boom", "received", "waiting")]


def test_who_is_full_leaves_turns_to_others(database: Database) -> None:
    desk = Desk(database)
    desk.rounds.room = lambda _count: 1
    _, two, three = desk.hear(said("ann", "hello"), said("bob", "hello"), said("ann", "more"))
    assert [row[0] for row in desk.rows("ann")] == ["hello", "re hello", "more"]
    assert two.waiting
    assert not two.leased
    assert three.waiting
    assert not three.leased
    assert desk.talk("bob").leased_by is None
    assert desk.talk("ann").leased_by is None


def test_what_became_of_answers_is_written_with_what_comes_in(database: Database) -> None:
    desk = Desk(database)
    desk.hear(said("ann", "hello"), said("bob", "hello"))
    rows = [*desk.offered("ann"), *desk.offered("bob")]
    outcomes = [Outcome(row.id, row.address, Sent("accepted"), inline=True) for row in rows]

    async def together() -> None:
        work = [desk.rounds.finish(outcome) for outcome in outcomes]
        await asyncio.gather(*work, desk.rounds.record([Arrival(said("cid", "hello"), True)]))

    desk.run(together())
    assert [desk.rows(who)[1][1] for who in ("ann", "bob", "cid")] == ["accepted", "accepted", "sending"]


def test_what_a_request_has_carried_waits_for_what_comes_in_and_what_was_sent_does_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.batching.PATIENT_SECONDS", 3600)
    desk = Desk(database)
    desk.hear(said("ann", "hello"), said("bob", "hello"))
    (ann,), (bob,) = desk.offered("ann"), desk.offered("bob")

    async def one_after_the_other() -> None:
        carried = Outcome(ann.id, ann.address, Sent("accepted"), inline=True, seq=ann.seq)
        told = asyncio.ensure_future(desk.rounds.finish(carried))
        await asyncio.sleep(0.05)
        assert desk.rows("ann")[1][1] == "sending"
        await desk.rounds.finish(Outcome(bob.id, bob.address, Sent("accepted")))
        await told

    desk.run(one_after_the_other())
    assert [desk.rows(who)[1][1] for who in ("ann", "bob")] == ["accepted", "accepted"]


def test_what_comes_from_one_address_is_written_in_its_order_in_whatever_round(database: Database) -> None:
    desk = Desk(database)
    desk.rounds = Rounds(database, desk.worker, desk.clock, at_once=3)

    async def all_at_once() -> None:
        people = ("ann", "bob", "cid", "dan", "eve")
        asked = [desk.rounds.record([Arrival(said(who, str(n)))]) for n in range(8) for who in people]
        await asyncio.gather(*asked)

    desk.run(all_at_once())
    for who in ("ann", "bob", "cid", "dan", "eve"):
        heard = [text for text, status, _ in desk.rows(who) if status == "received"]
        assert heard == [str(n) for n in range(8)]


def test_a_dialogue_goes_on_where_the_last_round_left_it(database: Database) -> None:
    def count(turn: Turn) -> list[Content]:
        times = turn.slots.get("times", 0) + 1
        turn.set_slot("times", times)
        return [Content(text=f"re {times}")]

    desk = Desk(database)
    desk.worker.bot = tiny_bot(actions={"action_repeat": count})
    for n in range(3):
        desk.hear(said("ann", f"hello {n}"))
    answers = [text for text, status, _ in desk.rows("ann") if status != "received"]
    assert answers == ["re 1", "re 2", "re 3"]


def test_an_answer_waits_behind_what_is_still_to_be_sent(database: Database) -> None:
    desk = Desk(database)
    desk.hear(said("ann", "hello"))
    desk.worked = Worked()
    desk.hear(said("ann", "more"), said("bob", "hello"))
    # What was said first is still under way: no answer may overtake it in the request that is open now.
    assert desk.offered("ann") == []
    assert desk.rows("ann")[-1][:2] == ("re more", "queued")
    assert [row.content.text for row in desk.offered("bob")] == ["re hello"]
    assert desk.worked.queued == {"shop"}


def test_the_same_answer_cannot_be_written_twice(database: Database) -> None:
    desk = Desk(database)
    (one,) = desk.hear(said("ann", "two"))
    with database.reading() as session:
        query = select(Message).where(Message.reply_to == one.message_id).order_by(col(Message.seq))
        keys = [message.key for message in session.exec(query)]
        waiting = session.exec(select(Message).where(Message.id == one.message_id)).one()
    assert keys == [f"{waiting.key} re:0", f"{waiting.key} re:1"]
    with database.writing() as session:
        session.execute(update(Message).where(col(Message.id) == one.message_id).values(work="waiting"))
    failed = desk.worker.work([one.conversation_id], ())
    assert [text for text, _, _ in desk.rows("ann")] == ["two", "re two", "re two"]
    assert failed.done == {one.conversation_id}
