"""Questions that ask for the same, taught examples of intents, versions of the bot side by side."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, moment = crm_store.db.CleanText(), crm_store.db.UtcDateTime(timezone=True)
    op.add_column("unanswered", sa.Column("cluster", text, nullable=True))
    loose = sa.text("state = 'open' AND cluster IS NULL")
    op.create_index(
        "ix_unanswered_loose", "unanswered", ["asked_at"], sqlite_where=loose, postgresql_where=loose
    )
    op.create_table(
        "taught_examples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("intent", text, nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_taught_examples_key", "taught_examples", ["key"], unique=True)
    _comparisons(text, moment)


def _comparisons(text: Any, moment: Any) -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("asked_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("before_id", sa.Uuid(), nullable=True),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("from_at", moment, nullable=False),
        sa.Column("until_at", moment, nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("error", text, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_comparisons_status", "comparisons", ["status"])
    json = crm_store.db.CleanJson(none_as_null=True)
    op.create_table(
        "compared",
        sa.Column("comparison_id", sa.Uuid(), sa.ForeignKey("comparisons.id"), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("before", json, nullable=False),
        sa.Column("after", json, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", "message_id"),
    )
    op.create_index("ix_compared_number", "compared", ["comparison_id", "kind", "number"])
    op.create_index("ix_compared_conversation", "compared", ["conversation_id"])
