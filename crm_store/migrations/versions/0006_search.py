"""The search index: words of messages and customers, what is due, how far it is."""

import sqlalchemy as sa
from alembic import op

import crm_store.db
from crm_store.search_index import Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# The words are stored once, in our own table; the full-text table only points at its rows.
_SQLITE = """
CREATE VIRTUAL TABLE {table}_fts
    USING fts5(words, content='{table}', content_rowid='{key}', tokenize='ascii', prefix='1 3',
    columnsize=0);
CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN
    INSERT INTO {table}_fts(rowid, words) VALUES (new.{key}, new.words);
END;
CREATE TRIGGER {table}_taken AFTER DELETE ON {table} BEGIN
    INSERT INTO {table}_fts({table}_fts, rowid, words) VALUES ('delete', old.{key}, old.words);
END;
CREATE TRIGGER {table}_changed AFTER UPDATE OF words ON {table} BEGIN
    INSERT INTO {table}_fts({table}_fts, rowid, words) VALUES ('delete', old.{key}, old.words);
    INSERT INTO {table}_fts(rowid, words) VALUES (new.{key}, new.words);
END;
"""

# Which change makes a customer due, and whose row names the customer.
_CHANGES = {
    ("customers", "INSERT", "named"): "new.id",
    ("customers", "UPDATE OF display_name", "renamed"): "new.id",
    ("customer_attributes", "INSERT", "learned"): "new.customer_id",
    ("customer_attributes", "UPDATE OF value", "relearned"): "new.customer_id",
    ("customer_attributes", "DELETE", "forgotten"): "old.customer_id",
}


def upgrade() -> None:
    op.create_table(
        "message_words",
        sa.Column("seq", _BIG, autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("words", Words(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_message_words_conversation", "message_words", ["conversation_id"])
    op.create_table(
        "customer_words",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("words", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("customer_id"),
    )
    op.create_table(
        "search_due",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "search_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("newest", _BIG, nullable=False),
        sa.Column("oldest", _BIG, nullable=False),
        sa.Column("moved_at", crm_store.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite()
    else:
        _on_postgres()
    op.execute("INSERT INTO search_due (customer_id) SELECT id FROM customers ORDER BY id DESC")
    op.execute(
        "INSERT INTO search_progress (id, newest, oldest)"
        " SELECT 1, coalesce(max(seq), 0), coalesce(max(seq), 0) + 1 FROM messages"
    )


def _on_sqlite() -> None:
    for table, key in (("message_words", "seq"), ("customer_words", "id")):
        for statement in _SQLITE.format(table=table, key=key).strip().split(";\nCREATE"):
            words = statement if statement.startswith("CREATE") else f"CREATE{statement}"
            op.get_bind().exec_driver_sql(words.rstrip(";\n"))
    for (table, change, name), whose in _CHANGES.items():
        op.execute(
            f"CREATE TRIGGER search_{name} AFTER {change} ON {table} BEGIN"
            f" INSERT INTO search_due (customer_id) VALUES ({whose}); END"
        )


def _on_postgres() -> None:
    for table in ("message_words", "customer_words"):
        op.execute(f"CREATE INDEX ix_{table}_gin ON {table} USING gin (words)")
    for (table, change, name), whose in _CHANGES.items():
        op.execute(
            f"CREATE FUNCTION search_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" INSERT INTO search_due (customer_id) VALUES ({whose}); RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER search_{name} AFTER {change} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION search_{name}()"
        )


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, _, name in _CHANGES:
        op.execute(f"DROP TRIGGER search_{name}" + ("" if sqlite else f" ON {table}"))
        if not sqlite:
            op.execute(f"DROP FUNCTION search_{name}()")
    for table in ("message_words", "customer_words"):
        if sqlite:
            op.execute(f"DROP TABLE {table}_fts")
    for table in ("search_progress", "search_due", "customer_words", "message_words"):
        op.drop_table(table)
