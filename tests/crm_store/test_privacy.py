"""A customer's own data: all of it is exported, none of it is left after an erasure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, SQLModel, select

import crm_store.tables  # noqa: F401  (all tables are declared)
from crm_store import (
    consents,
    conversations,
    customers,
    data_links,
    dialogues,
    edits,
    events,
    followups,
    history,
    idempotency,
    notes,
    outbox,
    privacy,
    unanswered,
)
from crm_store.conversations import Conversation
from crm_store.db import Database, new_id
from crm_store.edits import Edit, Editor
from crm_store.identities import Identity
from crm_store.messages import Address, Content, Incoming
from crm_store.recording import record

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SECRET = "xyzzy-4711"


def fill(database: Database) -> UUID:
    """A customer with two addresses of one channel whose every personal column holds the secret."""
    with database.writing() as session:
        for account in ("a", "b"):
            incoming = Incoming(
                Address("shop", f"{SECRET}-{account}"),
                "1",
                Content(text=SECRET, data={"raw": SECRET}),
                payload=f"/{SECRET}",
                profile={"display_name": SECRET, "language": SECRET},
            )
            (recorded,) = record(session, [incoming], "w", NOW)
            assert recorded is not None
            conversation = conversations.get_conversation(session, recorded.conversation_id)
            customer_id = conversation.customer_id
            if account == "b":
                first = session.exec(select(Conversation)).first()
                assert first is not None
                customer_id = conversation.customer_id = first.customer_id
                identity = session.get_one(Identity, ("shop", f"{SECRET}-b"))
                identity.customer_id = customer_id
                history.get_message(session, recorded.message_id).customer_id = customer_id
            row = outbox.draft(conversation, Content(text=SECRET), sender="bot", source="x", now=NOW)
            outbox.queue(session, [row])
            dialogues.save_states(session, {conversation.id: {"slots": {"name": SECRET}}}, NOW)
        customers.set_attribute(session, customer_id, "note", SECRET, source="message", now=NOW)
        customers.add_tag(session, customer_id, SECRET, source="agent", now=NOW)
        consents.withdraw(session, customer_id, "marketing", source_id=None, now=NOW)
        question: dict[str, Any] = {
            "message_id": new_id(),
            "conversation_id": conversation.id,
            "customer_id": customer_id,
        }
        question |= {"text": SECRET, "language": "en", "why": "agent", "asked_at": NOW}
        unanswered.note_unanswered(session, [question])
        _fill_the_record(session, customer_id, conversation)
    return customer_id


def _fill_the_record(session: Session, customer_id: UUID, conversation: Conversation) -> None:
    happened = events.Happened(customer_id, "order.paid", SECRET, NOW, {"address": SECRET})
    events.add_events(session, "shop-system", [happened], NOW)
    followups.plan(
        session, customer_id=customer_id, address=conversation.address, text=SECRET,
        due_at=NOW + timedelta(hours=1), planned_by=followups.BY_CUSTOMER, now=NOW,
    )  # fmt: skip
    idempotency.claim_key(session, "token:1", "key", "digest", NOW)
    idempotency.keep_answer(session, "token:1", "key", {"text": SECRET}, customer_id)
    data_links.make_link(session, customer_id, NOW)
    notes.write_note(session, conversation, "lin", SECRET, after_seq=1, now=NOW)
    edit = Edit(attributes={"city": SECRET})
    edits.edit(session, customer_id, edit, Editor("staff:lin", "agent:lin"), NOW)


def dump(database: Database, customer_id: UUID) -> str:
    """Everything about the customer's rows that any table holds."""
    with database.reading() as session:
        rows = []
        for table in SQLModel.metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                values = {k: str(v) for k, v in row.items()}
                if table.name != "customers" or values["id"] == str(customer_id):
                    rows.append(values)
        return json.dumps(rows)


def test_after_an_erasure_no_table_holds_anything_of_the_customer(database: Database) -> None:
    customer_id = fill(database)
    assert SECRET in dump(database, customer_id)
    with database.writing() as session:
        privacy.erase(session, customer_id, NOW)
    assert SECRET not in dump(database, customer_id)


def test_what_was_still_to_be_said_is_not_said_and_conversations_end(database: Database) -> None:
    customer_id = fill(database)
    with database.writing() as session:
        privacy.erase(session, customer_id, NOW)
    with database.reading() as session:
        assert {c.floor for c in session.exec(select(Conversation))} == {"closed"}
        statuses = {(m.direction, m.status, m.work) for m in session.exec(select(history.Message))}
        assert statuses == {("in", "received", None), ("out", "skipped", None)}


def test_an_erasure_ends_what_was_planned_and_the_links_to_the_data(database: Database) -> None:
    customer_id = fill(database)
    with database.writing() as session:
        privacy.erase(session, customer_id, NOW)
    with database.reading() as session:
        (followup,) = followups.list_followups(session, customer_id=customer_id)
        assert (followup.state, followup.reason) == ("cancelled", privacy.ERASED)
        assert session.exec(select(data_links.DataLink)).all() == []


def test_a_stop_outlives_the_erasure(database: Database) -> None:
    customer_id = fill(database)
    with database.writing() as session:
        privacy.erase(session, customer_id, NOW)
    with database.reading() as session:
        assert consents.find_consent(session, customer_id, "marketing") is False


def test_the_export_holds_all_that_an_erasure_would_take(database: Database) -> None:
    customer_id = fill(database)
    with database.reading() as session:
        exported = privacy.export(session, customer_id)
    written = json.dumps(exported, ensure_ascii=False)
    assert {name for name, rows in exported.items() if rows} >= {
        "customers", "customer_attributes", "customer_tags", "identities", "conversations", "messages",
        "dialogues", "consents",
    }  # fmt: skip
    assert written.count(SECRET) > 15


def test_every_table_says_what_is_personal_in_it() -> None:
    for table in SQLModel.metadata.sorted_tables:
        declared = table.info["personal"]
        assert set(declared) <= set(table.c.keys()), table.name
        assert set(declared.values()) <= {"erase", "delete", "pseudonym"}, table.name
