"""Segments and campaigns; lanes of the outbox, so that no answer waits behind a push."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_QUEUED = sa.text("status = 'queued'")
_SENDING = sa.text("status = 'sending'")
_PUSHED = sa.text("lane = 1")


def _index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    text, moment = crm_store.db.CleanText(), crm_store.db.UtcDateTime(timezone=True)
    json = crm_store.db.CleanJson(none_as_null=True)
    op.add_column("messages", sa.Column("lane", sa.Integer(), server_default="0", nullable=False))
    _index("ix_messages_due", "messages", ["channel", "lane", "due_at"], _QUEUED)
    _index("ix_messages_sending", "messages", ["sent_at"], _SENDING)
    _index("ix_messages_pushed", "messages", ["channel", "external_id", "sent_at"], _PUSHED)
    _index("ix_messages_source", "messages", ["source", "status"], _PUSHED)
    op.create_table(
        "segments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("definition", json, nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("trigger", text, nullable=False),
        sa.Column("params", json, nullable=False),
        sa.Column("texts", json, nullable=False),
        sa.Column("channels", json, nullable=False),
        sa.Column("schedule", json, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("created_by", text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "campaign_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), sa.ForeignKey("campaigns.id"), nullable=False),
        sa.Column("planned_at", moment, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("collected", sa.Boolean(), nullable=False),
        sa.Column("resumed_at", moment, nullable=True),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("worked_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_campaign_runs_planned", "campaign_runs", ["campaign_id", "planned_at"], unique=True)
    _index("ix_campaign_runs_open", "campaign_runs", ["worked_at"], sa.text("ended_at IS NULL"))
    op.create_table(
        "campaign_recipients",
        sa.Column("run_id", sa.Uuid(), sa.ForeignKey("campaign_runs.id"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("customers.id"), nullable=False),
        sa.Column("channel", text, nullable=True),
        sa.Column("external_id", text, nullable=True),
        sa.Column("language", text, nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("reason", text, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "customer_id"),
    )
    op.create_index("ix_campaign_recipients_reason", "campaign_recipients", ["run_id", "reason"])
    op.create_index("ix_campaign_recipients_customer", "campaign_recipients", ["customer_id"])


def downgrade() -> None:
    for table in ("campaign_recipients", "campaign_runs", "campaigns", "segments"):
        op.drop_table(table)
    for index in ("due", "sending", "pushed", "source"):
        op.drop_index(f"ix_messages_{index}", "messages")
    op.drop_column("messages", "lane")
