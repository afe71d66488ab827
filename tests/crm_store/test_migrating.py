"""Migrations: the tables are as the code declares them, and what stood in them stands there afterwards."""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import select

from crm_store.db import Database
from crm_store.dialogues import load_states, save_states
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Address, Content, Incoming
from crm_store.migrating import differences, find_version, newest_version, upgrade
from crm_store.recording import record
from parley.now import utc_now

KEPT_WHOLE = """
    SELECT concat_ws('.', table_name, column_name) FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type = :type
"""
COLUMNS = {
    "dialogues.state",
    "identities.profile",
    "identities.windows",
    "messages.content",
    "messages.understanding",
    "messages.decision",
}


def columns_of(database: Database, type_: str) -> set[str]:
    with database.engine.connect() as connection:
        return set(connection.execute(text(KEPT_WHOLE), {"type": type_}).scalars())


def test_the_migrated_tables_are_as_the_code_declares_them(database: Database) -> None:
    assert find_version(database) == newest_version()
    assert differences(database) == []


def test_what_was_kept_as_jsonb_stands_there_as_json(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.engine.begin() as connection:
        for column in COLUMNS:
            table, name = column.split(".")
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {name} TYPE jsonb"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0012'"))
    state = {"slots": {"name": "小林 🍵"}, "moves": [[1, None, "\\u0000"]]}
    said = Incoming(Address("shop", "xiaolin"), "1", Content("text", "你好 🍵"), profile={"city": "杭州"})
    with database.writing() as session:
        (recorded,) = record(session, [said], None, utc_now())
        assert recorded
        save_states(session, {recorded.conversation_id: state}, utc_now())
    assert columns_of(database, "json").isdisjoint(COLUMNS)
    upgrade(database)
    assert columns_of(database, "json") == COLUMNS
    assert find_version(database) == newest_version()
    with database.reading() as session:
        message, identity = session.exec(select(Message)).one(), session.exec(select(Identity)).one()
        assert (message.said, message.understanding) == (said.content, None)
        assert identity.profile == {"city": "杭州"}
        assert load_states(session, [recorded.conversation_id]) == {recorded.conversation_id: state}
    database.close()
