"""Random histories of follow-ups: planned, cancelled, written before, taken over, ticked, sent, killed.

Whatever happens: each fires at most once, never before it is due, never after it was cancelled, and what
the record says of it is what became of it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from sqlmodel import Session

from crm_store import conversations, due_followups, followups, history, sending
from crm_store.db import Database
from crm_store.messages import Refused, Sent
from crm_store.sending import Outcome
from tests.crm_store.test_followups import ANNA, NOW, Shop

STEPS, HISTORIES = 60, 8


class Killed(Exception):
    """The process dies in the middle of a transaction."""


class History:
    """One shop under random events, and what must have been sent by then."""

    def __init__(self, database: Database, random: Random) -> None:
        self.shop, self.random, self.now = Shop(database), random, NOW
        self.due: dict[UUID, datetime] = {}
        self.sent: dict[UUID, list[datetime]] = {}
        self.cancelled: dict[UUID, datetime] = {}  # called off for certain, before it was being sent
        self.flying: list[UUID] = []  # rows of the outbox that were being sent at a kill

    def step(self) -> None:
        steps = (self.plan, self.plan, self.write, self.cancel, self.tick, self.tick, self.send, self.kill,
                 self.floor, self.wait)  # fmt: skip
        self.random.choice(steps)()

    def plan(self) -> None:
        due_at = self.now + timedelta(seconds=self.random.randint(1, 600))
        by = self.random.choice(["customer", "agent:lin"])
        with self.shop.database.writing() as session:
            row = followups.plan(
                session, customer_id=self.shop.customer, address=ANNA, text="x", due_at=due_at,
                planned_by=by, cancel_if_written=self.random.random() < 0.4, now=self.now,
            )  # fmt: skip
        self.due[row.id] = due_at

    def write(self) -> None:
        before = {each for each in self.due if self.state(each) == "planned"}
        self.shop.write(self.now)
        for each in before:
            if self.state(each) == "cancelled":
                self.cancelled.setdefault(each, self.now)

    def cancel(self) -> None:
        if not self.due:
            return
        each = self.random.choice(list(self.due))
        try:
            self.shop.cancel(each, self.now)
        except Refused:
            return
        self.cancelled.setdefault(each, self.now)

    def tick(self) -> None:
        self.shop.tick(self.now)

    def send(self) -> None:
        with self.shop.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", self.shop.policy, 3, self.now)
        for row in rows:
            self.fired(row.id)
        status = self.random.choice(["accepted", "accepted", "failed", "unknown"])
        with self.shop.database.writing() as session:
            outcomes = [Outcome(row.id, row.address, Sent(status)) for row in rows]  # type: ignore[arg-type]
            sending.finish(session, outcomes, self.now)

    def kill(self) -> None:
        """In the middle of a tick, which then never was; or between the start of a send and its end."""
        if self.random.random() < 0.5:
            with suppress(Killed), self.shop.database.writing() as session:
                due_followups.tick(session, self.now)
                raise Killed
            return
        with self.shop.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", self.shop.policy, 2, self.now)
        for row in rows:
            self.fired(row.id)
        with self.shop.database.writing() as session:
            sending.give_up_lost(session, self.now, all_of_them=True)

    def floor(self) -> None:
        with self.shop.database.writing() as session:
            found = conversations.list_conversations(session, customer_id=self.shop.customer, limit=1)[0]
            if found.floor == "agent":
                conversations.release(session, found.id)
            elif found.floor != "closed":
                self.take_over_or_close(session, found.id)

    def take_over_or_close(self, session: Session, conversation_id: UUID) -> None:
        if self.random.random() < 0.5:
            conversations.take_over(session, conversation_id, "mei")
        else:
            conversations.close(session, conversation_id, self.now)

    def wait(self) -> None:
        self.now += timedelta(seconds=self.random.randint(1, 240))

    def state(self, followup_id: UUID) -> str:
        return self.shop.read(followup_id).state

    def fired(self, message_id: UUID) -> None:
        with self.shop.database.reading() as session:
            source = history.get_message(session, message_id).source
        followup_id = UUID(source.removeprefix("followup:"))
        self.sent.setdefault(followup_id, []).append(self.now)

    def check(self) -> None:
        for each, due_at in self.due.items():
            times, state = self.sent.get(each, []), self.state(each)
            assert len(times) <= 1, "it was sent twice"
            assert all(at >= due_at for at in times), "it was sent too early"
            if each in self.cancelled:
                assert times == [], "it was sent although it had been called off"
                assert state == "cancelled"
            if state in ("sent", "missed"):
                assert len(times) == 1
            if state in ("cancelled", "task"):
                assert times == []


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_whatever_happens_each_fires_once_at_most_and_never_early_or_after_its_end(
    database: Database, seed: int
) -> None:
    run = History(database, Random(seed))
    for _ in range(STEPS):
        run.step()
    run.check()
    # In the end, once the floor is the bot's and time has passed, nothing is left hanging.
    run.now += timedelta(hours=1)
    for _ in range(40):
        run.tick()
        run.send()
    run.tick()
    run.check()
    assert {run.state(each) for each in run.due} <= {"sent", "missed", "cancelled", "task"}
