"""Since when the floor has been so."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "conversations",
        sa.Column("floor_since", crm_store.db.UtcDateTime(timezone=True), nullable=True),
    )
