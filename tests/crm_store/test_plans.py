"""The queries that every message causes look things up; none of them reads a whole table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy

from crm_store import conversations, due_followups, events, followups, history, outbox, sending
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = Address("shop", "o1")
LARGE = ("messages", "conversations", "identities", "customers", "followups", "events")
# An index of what is unsent, waiting or leased holds little, however much there is in the table.
SMALL = ("ix_messages_unsent", "ix_messages_waiting", "ix_conversations_leased")


def test_no_query_of_the_hot_path_scans_a_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    plans: list[tuple[str, str]] = []

    def explain(
        connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "WITH", "UPDATE")) and not many:
            raw = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend((step[3], statement) for step in raw.fetchall())

    sqlalchemy.event.listen(database.engine, "before_cursor_execute", explain)
    with database.writing() as session:
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
    scans = [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN") and step.split()[1] in LARGE and not any(name in step for name in SMALL)
    ]
    database.close()
    assert len(plans) > 20
    assert not scans
