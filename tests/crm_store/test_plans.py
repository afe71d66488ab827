"""The queries that every message causes look things up; none of them reads a whole table."""

from __future__ import annotations

from datetime import UTC, datetime

from crm_store import (
    conversations,
    customers,
    due_followups,
    erasures,
    events,
    followup_plans,
    followups,
    history,
    outbox,
    privacy,
    sending,
    timeline,
)
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record
from tests.crm_store.plans import Steps, explained

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = Address("shop", "o1")
LARGE = (
    "messages", "conversations", "identities", "customers", "customer_attributes", "customer_tags",
    "followups", "events", "notes", "audit", "dialogues", "campaign_recipients", "unanswered",
)  # fmt: skip
# An index of what is unsent, waiting or leased holds little, however much there is in the table.
SMALL = ("ix_messages_unsent", "ix_messages_waiting", "ix_conversations_leased")


def scans(plans: Steps) -> Steps:
    """The steps that read a large table from end to end."""
    return [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN") and step.split()[1] in LARGE and not any(name in step for name in SMALL)
    ]


def test_no_query_of_the_hot_path_scans_a_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with explained(database) as plans, database.writing() as session:
        batch = [Incoming(Address("shop", f"o{n}"), f"k{n}", Content(text="x")) for n in range(3)]
        (first, *_) = record(session, batch, "w", NOW)
        assert first is not None
        conversations.lease_waiting(session, "w", 64, NOW)
        conversations.renew_leases(session, "w", [first.conversation_id], NOW)
        conversations.drop_leases(session, worker="w")
        outbox.in_the_way(session, [ANNA])
        sending.is_due(session, "shop", NOW)
        sending.start_sending(session, "shop", Policy(), 5, NOW)
        request = sending.OpenRequest(ANNA, Policy(), len, first.message_id)
        sending.start_inline(session, [request], NOW)
        sending.give_up_lost(session, NOW)
        history.list_lines(session, ANNA)
        history.list_lines(session, ANNA, after=10)
        history.list_messages(session, first.conversation_id)
        history.list_timeline(session, first.message_id)
        due_followups.tick(session, NOW)
        followups.list_followups(session, customer_id=first.message_id)
        followups.cancel_awaiting(session, [first.message_id], NOW)
        events.list_events(session, first.message_id)
    assert len(plans) > 20
    assert not scans(plans)


def test_no_query_about_one_customer_scans_a_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with explained(database) as plans, database.writing() as session:
        (first,) = record(session, [Incoming(ANNA, "k", Content(text="x"))], "w", NOW)
        assert first is not None
        who = conversations.get_conversation(session, first.conversation_id).customer_id
        timeline.page_of(session, who)
        customers.newest_customers(session, tag="vip")
        customers.newest_customers(session, after=who)
        followups.for_agent(session, "lin", ("task", "missed"))
        followups.open_for_customer(session, who, 20)
        followup_plans.best_address(session, who)
        erasures.tick(session, NOW)
        privacy.export(session, who)
        privacy.erase(session, who, NOW)
    assert len(plans) > 20
    assert not scans(plans)
