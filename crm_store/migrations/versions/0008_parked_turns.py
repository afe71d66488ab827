"""Parked turns are found, and it is known since when a channel shares its token."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    parked = sa.text("work = 'parked'")
    op.create_index("ix_messages_parked", "messages", ["seq"], sqlite_where=parked, postgresql_where=parked)
    op.add_column(
        "shared_values", sa.Column("made_at", crm_store.db.UtcDateTime(timezone=True), nullable=True)
    )
