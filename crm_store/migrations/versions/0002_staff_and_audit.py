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
