"""Follow-ups: each fires once, at its time or later, and never after it was cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session

from crm_store import (
    channels,
    conversations,
    due_followups,
    followups,
    history,
    identities,
    send_rules,
    sending,
)
from crm_store.db import Database, new_id
from crm_store.followups import FollowUp
from crm_store.messages import Address, Content, Incoming, Policy, Refused, Sent, Window
from crm_store.recording import record
from crm_store.sending import Outcome
from tests.crm_store.plans import plans_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANNA = Address("shop", "anna")
WINDOWED = Policy(needs_window=True)


class Shop:
    """One customer on one channel, and short words for what happens to them."""

    def __init__(self, database: Database, policy: Policy = Policy()) -> None:  # noqa: B008  (frozen)
        self.database, self.policy = database, policy
        self.messages = 0
        with database.writing() as session:
            channels.write_channel(session, "shop", "any", policy, NOW)
        self.conversation = self.write(NOW)
        with database.reading() as session:
            self.customer = conversations.get_conversation(session, self.conversation).customer_id

    def write(self, now: datetime, **more: Any) -> UUID:
        """The customer says something."""
        self.messages += 1
        incoming = Incoming(ANNA, str(self.messages), Content(text="hi"), **more)
        with self.database.writing() as session:
            (recorded,) = record(session, [incoming], "w1", now)
            assert recorded is not None
            return recorded.conversation_id

    def plan(self, due_at: datetime, by: str = "agent:lin", **more: Any) -> UUID:
        with self.database.writing() as session:
            return followups.plan(
                session, customer_id=self.customer, address=ANNA, text="still there?", due_at=due_at,
                planned_by=by, now=NOW, **more,
            ).id  # fmt: skip

    def tick(self, now: datetime) -> set[str]:
        with self.database.writing() as session:
            return due_followups.tick(session, now)

    def deliver(self, now: datetime, status: str = "accepted") -> list[str]:
        """Send what is due; returns the texts."""
        with self.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", self.policy, 50, now)
        with self.database.writing() as session:
            outcomes = [Outcome(row.id, row.address, Sent(status)) for row in rows]  # type: ignore[arg-type]
            sending.finish(session, outcomes, now)
        return [row.content.text for row in rows]

    def cancel(self, followup_id: UUID, now: datetime) -> None:
        with self.database.writing() as session:
            followups.cancel(session, followup_id, "no more", now)

    def read(self, followup_id: UUID) -> FollowUp:
        with self.database.reading() as session:
            return followups.get_followup(session, followup_id)

    def take_over(self, agent: str = "mei") -> None:
        with self.database.writing() as session:
            conversations.take_over(session, self.conversation, agent)


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_it_is_sent_once_at_its_time_and_not_before(shop: Shop) -> None:
    planned = shop.plan(NOW + HOUR)
    assert shop.tick(NOW + HOUR - timedelta(seconds=1)) == set()
    assert shop.tick(NOW + HOUR) == {"shop"}
    assert shop.read(planned).state == "planned"
    assert shop.deliver(NOW + HOUR) == ["still there?"]
    assert shop.tick(NOW + HOUR) == set()
    assert shop.read(planned).state == "sent"
    assert shop.deliver(NOW + 2 * HOUR) == []


def test_a_time_that_has_passed_is_refused(shop: Shop) -> None:
    with pytest.raises(Refused, match="future"):
        shop.plan(NOW)


def test_nobody_gets_more_than_fifty_planned(shop: Shop) -> None:
    for number in range(followups.MOST_PLANNED):
        shop.plan(NOW + HOUR * (number + 1))
    with pytest.raises(Refused, match="fifty"):
        shop.plan(NOW + HOUR)


def test_the_bot_says_what_a_customer_asked_for_and_an_agent_what_an_agent_planned(shop: Shop) -> None:
    asked, planned = shop.plan(NOW + HOUR, by="customer"), shop.plan(NOW + HOUR)
    shop.tick(NOW + HOUR)
    with shop.database.reading() as session:
        found = {m.source: m.sender for m in history.list_messages(session, shop.conversation)}
    assert found[f"followup:{asked}"] == "bot"
    assert found[f"followup:{planned}"] == "agent"


def test_a_cancelled_one_is_not_sent_even_if_it_stands_in_the_outbox(shop: Shop) -> None:
    early, late = shop.plan(NOW + HOUR), shop.plan(NOW + HOUR)
    shop.cancel(early, NOW)
    shop.tick(NOW + HOUR)
    shop.cancel(late, NOW + HOUR)
    shop.cancel(late, NOW + HOUR)
    assert shop.deliver(NOW + HOUR) == []
    assert {shop.read(each).state for each in (early, late)} == {"cancelled"}


def test_what_is_being_sent_cannot_be_called_back(shop: Shop) -> None:
    planned = shop.plan(NOW + HOUR)
    shop.tick(NOW + HOUR)
    with shop.database.writing() as session:
        sending.start_sending(session, "shop", Policy(), 5, NOW + HOUR)
    with pytest.raises(Refused, match="being sent"):
        shop.cancel(planned, NOW + HOUR)
    shop.write(NOW + HOUR)
    assert shop.read(planned).state == "planned"


def test_one_that_waits_for_silence_is_cancelled_when_the_customer_writes(shop: Shop) -> None:
    waits, stays = shop.plan(NOW + HOUR, cancel_if_written=True), shop.plan(NOW + HOUR)
    queued = shop.plan(NOW + HOUR / 4, cancel_if_written=True)
    shop.tick(NOW + HOUR / 4)
    shop.write(NOW + HOUR / 2)
    assert shop.read(waits).state == "cancelled"
    assert shop.read(waits).reason == followups.WRITTEN
    assert shop.read(queued).state == "cancelled"
    assert shop.read(stays).state == "planned"
    shop.tick(NOW + HOUR)
    assert shop.deliver(NOW + HOUR) == ["still there?"]


def test_what_a_platform_reports_is_no_word_of_the_customer(shop: Shop) -> None:
    waits = shop.plan(NOW + HOUR, cancel_if_written=True)
    shop.write(NOW + HOUR / 2, wants_reply=False)
    assert shop.read(waits).state == "planned"


def test_under_an_agents_floor_a_reminder_of_the_bot_becomes_that_agents_task(shop: Shop) -> None:
    asked, planned = shop.plan(NOW + HOUR, by="customer"), shop.plan(NOW + HOUR)
    shop.take_over("mei")
    shop.tick(NOW + HOUR)
    task = shop.read(asked)
    assert (task.state, task.agent, task.reason) == ("task", "mei", send_rules.AGENT_SPEAKS)
    assert shop.deliver(NOW + HOUR) == ["still there?"]
    shop.tick(NOW + HOUR)
    assert shop.read(planned).state == "sent"


def test_a_takeover_after_it_was_queued_makes_it_a_task_too(shop: Shop) -> None:
    asked = shop.plan(NOW + HOUR, by="customer")
    shop.tick(NOW + HOUR)
    shop.take_over("mei")
    assert shop.deliver(NOW + HOUR) == []
    shop.tick(NOW + HOUR)
    assert (shop.read(asked).state, shop.read(asked).agent) == ("task", "mei")


def test_a_conversation_that_has_ended_is_followed_by_another(shop: Shop) -> None:
    shop.plan(NOW + HOUR)
    with shop.database.writing() as session:
        conversations.close(session, shop.conversation, NOW)
    shop.tick(NOW + HOUR)
    assert shop.deliver(NOW + HOUR) == ["still there?"]
    assert shop.write(NOW + 2 * HOUR) != shop.conversation


def test_the_one_who_plans_is_told_that_the_window_will_be_closed(database: Database) -> None:
    shop = Shop(database, WINDOWED)
    shop.write(NOW, opens=Window("message", 48 * HOUR, 5))
    with database.reading() as session:
        assert due_followups.foresee(session, ANNA, NOW + 47 * HOUR) is None
        assert due_followups.foresee(session, ANNA, NOW + 49 * HOUR) == send_rules.WINDOW_CLOSED
    late = shop.plan(NOW + 49 * HOUR, agent="lin")
    shop.tick(NOW + 49 * HOUR)
    task = shop.read(late)
    assert (task.state, task.agent, task.reason) == ("task", "lin", send_rules.WINDOW_CLOSED)


def test_a_window_that_was_opened_again_meanwhile_is_used(database: Database) -> None:
    shop = Shop(database, WINDOWED)
    shop.write(NOW, opens=Window("message", 48 * HOUR, 5))
    late = shop.plan(NOW + 49 * HOUR)
    shop.write(NOW + 24 * HOUR, opens=Window("message", 48 * HOUR, 5))
    shop.tick(NOW + 49 * HOUR)
    assert shop.deliver(NOW + 49 * HOUR) == ["still there?"]
    shop.tick(NOW + 49 * HOUR)
    assert shop.read(late).state == "sent"


def test_the_last_message_of_a_window_is_kept_for_answers(database: Database) -> None:
    shop = Shop(database, WINDOWED)
    shop.write(NOW, opens=Window("message", 48 * HOUR, 1))
    planned = shop.plan(NOW + HOUR)
    shop.tick(NOW + HOUR)
    assert (shop.read(planned).state, shop.read(planned).reason) == ("task", send_rules.WINDOW_KEPT)


def test_an_account_that_may_only_answer_leaves_it_to_an_agent(database: Database) -> None:
    shop = Shop(database, Policy(push=False))
    planned = shop.plan(NOW + HOUR)
    shop.tick(NOW + HOUR)
    assert (shop.read(planned).state, shop.read(planned).reason) == ("task", send_rules.CANNOT_PUSH)


def test_who_has_left_gets_none(shop: Shop) -> None:
    planned = shop.plan(NOW + HOUR)
    with shop.database.writing() as session:
        identity = identities.find_identity(session, ANNA)
        assert identity
        identity.reachable = False
        session.add(identity)
    shop.tick(NOW + HOUR)
    assert (shop.read(planned).state, shop.read(planned).reason) == ("task", send_rules.GONE)


@pytest.mark.parametrize("status", ["failed", "unknown"])
def test_one_that_did_not_arrive_is_missed(shop: Shop, status: str) -> None:
    planned = shop.plan(NOW + HOUR)
    shop.tick(NOW + HOUR)
    shop.deliver(NOW + HOUR, status)
    shop.tick(NOW + HOUR)
    assert shop.read(planned).state == "missed"
    assert shop.deliver(NOW + 9 * HOUR) == []


def test_an_agents_task_is_done_once_and_nothing_is_sent(shop: Shop) -> None:
    with shop.database.writing() as session:
        task = followups.add_task(
            session, customer_id=shop.customer, address=ANNA, text="call", due_at=NOW, agent="lin", now=NOW
        ).id
    assert shop.tick(NOW + HOUR) == set()
    for _ in range(2):
        with shop.database.writing() as session:
            assert followups.complete(session, task, NOW).state == "done"
    with pytest.raises(Refused):
        shop.cancel(task, NOW)


def test_who_writes_is_looked_up_however_many_followups_are_planned(sqlite_url: str) -> None:
    def written(session: Session) -> None:
        followups.cancel_awaiting(session, [new_id()], NOW)

    (plan,) = {line for line, _ in plans_of(Database(sqlite_url), written) if "followups" in line}
    assert plan == "SEARCH followups USING INDEX ix_followups_awaiting (customer_id=?)"
