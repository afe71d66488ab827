"""Staff and the audit."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", crm_store.db.CleanText(), nullable=False),
        sa.Column("action", crm_store.db.CleanText(), nullable=False),
        sa.Column("noun", crm_store.db.CleanText(), nullable=False),
        sa.Column("noun_id", crm_store.db.CleanText(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("changes", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_noun", "audit", ["noun", "noun_id", "id"])
    op.create_index("ix_audit_customer", "audit", ["customer_id", "id"])
    _create_staff()
    _create_what_agents_write()
    op.add_column("conversations", _time("heard_at", nullable=True))
    op.add_column(
        "conversations", sa.Column("read_seq", sa.BigInteger(), nullable=False, server_default="0")
    )
    # So far only a customer's words opened a conversation.
    op.execute("UPDATE conversations SET heard_at = last_message_at")
    op.drop_column("conversations", "last_message_at")
    for name, columns, where in (
        ("heard", ["channel", "floor", "heard_at", "id"], sa.text("heard_at IS NOT NULL")),
        ("agent", ["agent", "heard_at", "id"], sa.text("floor = 'agent'")),
    ):
        op.create_index(
            f"ix_conversations_{name}",
            "conversations",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )


def _create_staff() -> None:
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        _text("name"),
        _text("folded_name"),
        _text("display_name"),
        _text("role"),
        _text("password_hash"),
        _text("language"),
        _time("created_at"),
        _time("disabled_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("folded_name"),
    )
    op.create_table(
        "staff_sessions",
        _text("digest"),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        _time("created_at"),
        _time("ends_at"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_staff_sessions_staff", "staff_sessions", ["staff_id"])
    op.create_index("ix_staff_sessions_end", "staff_sessions", ["ends_at"])
    op.create_table(
        "sign_in_attempts",
        _text("digest"),
        _time("since"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_sign_in_attempts_since", "sign_in_attempts", ["since"])


def _create_what_agents_write() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("after_seq", sa.BigInteger(), nullable=False),
        _text("author"),
        _text("text"),
        _time("created_at"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_notes_conversation", "notes", ["conversation_id", "after_seq"])
    op.create_index("ix_notes_customer", "notes", ["customer_id"])
    op.create_table(
        "quick_replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        _text("shortcut"),
        sa.Column("texts", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shortcut"),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, crm_store.db.CleanText(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, crm_store.db.UtcDateTime(timezone=True), nullable=nullable)
