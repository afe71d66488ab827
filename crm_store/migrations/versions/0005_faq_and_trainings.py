"""FAQ entries, trainings, what nobody answered."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WAITS = sa.text("status = 'waiting'")
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    text, moment = crm_store.db.CleanText(), crm_store.db.UtcDateTime(timezone=True)
    json = crm_store.db.CleanJson(none_as_null=True)
    knowledge = op.create_table(
        "knowledge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("training_id", sa.Uuid(), nullable=True),
        sa.Column("project", text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(knowledge, [{"id": 1, "version": 0, "project": ""}])
    op.create_table(
        "trainings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("asked_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", text, nullable=False),
        sa.Column("verdict", json, nullable=True),
        sa.Column("error", text, nullable=True),
        sa.Column("forced_by", text, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_trainings_status", "trainings", ["status"])
    op.create_index(
        "uq_trainings_waiting",
        "trainings",
        ["status"],
        unique=True,
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    op.create_table(
        "trained_models",
        sa.Column("training_id", sa.Uuid(), sa.ForeignKey("trainings.id"), nullable=False),
        sa.Column("phrasings", json, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("training_id"),
    )
    _entries(text, moment, json)
    op.create_table(
        "faq_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file", text, nullable=False),
        sa.Column("made_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("drafts", json, nullable=False),
        sa.Column("summary", json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "unanswered",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("language", text, nullable=False),
        sa.Column("why", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_unanswered_message", "unanswered", ["message_id"], unique=True)
    op.create_index(
        "ix_unanswered_open", "unanswered", ["key", "asked_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_unanswered_conversation", "unanswered", ["conversation_id"])
    op.create_index("ix_unanswered_customer", "unanswered", ["customer_id"])


def _entries(text: Any, moment: Any, json: Any) -> None:
    op.create_table(
        "faq_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("origin", text, nullable=False),
        sa.Column("titles", json, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("valid_from", moment, nullable=True),
        sa.Column("valid_until", moment, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("taught", sa.BigInteger(), nullable=False),
        sa.Column("digest", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("updated_by", text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "faq_phrasings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), sa.ForeignKey("faq_entries.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("language", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_faq_phrasings_entry", "faq_phrasings", ["entry_id", "position"])
    op.create_index("ix_faq_phrasings_key", "faq_phrasings", ["key"])
    op.create_table(
        "faq_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), sa.ForeignKey("faq_entries.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("language", text, nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("more", json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_faq_answers_entry", "faq_answers", ["entry_id", "position"])
