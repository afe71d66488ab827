"""A language model: what it has cost, and what it takes unanswered questions for."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_days",
        sa.Column("day", crm_store.db.CleanText(), nullable=False),
        sa.Column("tokens", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day"),
        info={"personal": {}},
    )
    op.add_column("unanswered", sa.Column("label", crm_store.db.CleanText(), nullable=True))
