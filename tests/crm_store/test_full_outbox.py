"""With a campaign's rows in the outbox, a claim still looks up the few that it takes."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

from crm_store import outbox, sending
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record
from crm_store.send_rules import Rules
from tests.crm_store.plans import plans_of

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
QUEUED = int(os.environ.get("PARLEY_TEST_QUEUED", "60000"))
COUNT = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most) ",
    "postgresql": "WITH n AS (SELECT generate_series(1, :most) AS i) ",
}
RULES = Rules(cap=3, zone="Asia/Shanghai")
LARGE = ("messages", "conversations", "identities", "customers")


def fill(database: Database) -> None:
    """As many people as rows; a push is queued for each, and one in a hundred is not due yet."""
    kind = database.engine.dialect.name
    blob = {"sqlite": "CAST(printf('%032x', i) AS text)", "postgresql": "lpad(to_hex(i), 32, '0')"}[kind]
    ids = blob if kind == "sqlite" else f"CAST({blob} AS uuid)"
    empty = "'{}'" if kind == "sqlite" else "'{}'::jsonb"
    later = NOW + timedelta(days=1)
    statements = (
        f"INSERT INTO customers (id, display_name, language, created_at, updated_at)"
        f" {COUNT[kind]} SELECT {ids}, '', '', :now, :now FROM n",
        f"INSERT INTO identities (channel, external_id, customer_id, reachable, profile, windows,"
        f" created_at) {COUNT[kind]} SELECT 'shop', 'p' || i, {ids}, true, {empty}, {empty}, :now FROM n",
        f"INSERT INTO conversations (id, channel, external_id, customer_id, floor, version,"
        f" created_at) {COUNT[kind]}"
        f" SELECT {ids}, 'shop', 'p' || i, {ids}, 'bot', 1, :now FROM n",
        f"INSERT INTO messages (id, conversation_id, customer_id, channel, external_id, direction,"
        f" sender, source, lane, text, content, payload, created_at, attempts, status, due_at, version)"
        f" {COUNT[kind]} SELECT {ids}, {ids}, {ids}, 'shop', 'p' || i, 'out', 'campaign',"
        f" 'campaign:00000000-0000-0000-0000-000000000001', 1, 'x', {empty}, '', :now, 0, 'queued',"
        f" CASE WHEN i % 100 = 0 THEN :later ELSE :now END, 1 FROM n",
    )
    given = {"most": QUEUED, "now": NOW, "later": later}
    if kind == "sqlite":
        given |= {name: f"{given[name]:%Y-%m-%d %H:%M:%S.%f}" for name in ("now", "later")}
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement), given)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if kind == "sqlite" else "VACUUM ANALYZE"))


def test_a_claim_reads_neither_the_table_nor_the_whole_outbox(database: Database) -> None:
    fill(database)
    with database.writing() as session:
        (recorded,) = record(
            session, [Incoming(Address("shop", "anna"), "k", Content(text="hi"))], "w", NOW
        )
        assert recorded
        conversation = session.get_one(Conversation, recorded.conversation_id)
        row = outbox.draft(conversation, Content(text="yes"), sender="bot", source="action:a", now=NOW)
        outbox.queue(session, [row])

    def work(session: Session) -> None:
        assert sending.is_due(session, "shop", NOW)
        assert not sending.is_due(session, "site", NOW)
        sending.give_up_lost(session, NOW)
        rows, looked = sending.start_sending(session, "shop", Policy(), 8, NOW, rules=RULES)
        assert [row.sender for row in rows] == ["bot", *["campaign"] * 7]
        assert looked == 8

    plans = plans_of(database, work)
    assert len(plans) > 10
    wrong = [
        (step, asked)
        for step, asked in plans
        if any(f"Seq Scan on {name}" in step for name in LARGE)
        or (step.startswith("SCAN") and step.split()[1] in LARGE)
        or "ix_messages_unsent (channel=?)" in step
    ]
    assert wrong == []
    if QUEUED > 100_000:
        began = time.perf_counter()
        with database.writing() as session:
            sending.start_sending(session, "shop", Policy(), 8, NOW, rules=RULES)
        print("one claim:", time.perf_counter() - began)
