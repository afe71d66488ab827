"""Events, follow-ups, keys of requests, links to one's own data, erasures that were asked for."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PLANNED = sa.text("state = 'planned'")
_AWAITING = sa.text("state = 'planned' AND cancel_if_written")


def upgrade() -> None:
    text, moment = crm_store.db.CleanText(), crm_store.db.UtcDateTime(timezone=True)
    json = crm_store.db.CleanJson(none_as_null=True)
    op.add_column("customers", sa.Column("erased_at", moment, nullable=True))
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("data", json, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_events_key", "events", ["source", "key"], unique=True)
    op.create_index("ix_events_name", "events", ["name", "at", "customer_id"])
    op.create_index("ix_events_customer", "events", ["customer_id", "at"])
    op.create_table(
        "followups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("external_id", text, nullable=False),
        sa.Column("text", text, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("planned_by", text, nullable=False),
        sa.Column("agent", text, nullable=True),
        sa.Column("cancel_if_written", sa.Boolean(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("reason", text, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_followups_due", "followups", ["due_at"], sqlite_where=_PLANNED, postgresql_where=_PLANNED
    )
    op.create_index(
        "ix_followups_awaiting",
        "followups",
        ["customer_id"],
        sqlite_where=_AWAITING,
        postgresql_where=_AWAITING,
    )
    op.create_index("ix_followups_customer", "followups", ["customer_id", "due_at"])
    op.create_index("ix_followups_agent", "followups", ["state", "agent", "due_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", text, nullable=False),
        sa.Column("key", text, nullable=False),
        sa.Column("digest", text, nullable=False),
        sa.Column("answer", json, nullable=True),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key"),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"])
    op.create_index("ix_idempotency_keys_customer", "idempotency_keys", ["customer_id"])
    op.create_table(
        "data_links",
        sa.Column("digest", text, nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_data_links_customer", "data_links", ["customer_id"])
    op.create_table(
        "erasures",
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("answers", sa.Uuid(), nullable=True),
        sa.Column("actor", text, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("customer_id"),
    )


def downgrade() -> None:
    for table in ("erasures", "data_links", "idempotency_keys", "followups", "events"):
        op.drop_table(table)
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
