"""Documents that people have uploaded, and their passages."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, moment = crm_store.db.CleanText(), crm_store.db.UtcDateTime(timezone=True)
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("folded_name", text, nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("passages", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("added_by", text, nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("replaced_by", text, nullable=True),
        sa.Column("replaced_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("folded_name"),
        info={"personal": {}},
    )
    op.create_table(
        "document_passages",
        sa.Column("document_id", sa.Uuid(), sa.ForeignKey("documents.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("title", text, nullable=False),
        sa.Column("text", text, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "number"),
        info={"personal": {}},
    )
