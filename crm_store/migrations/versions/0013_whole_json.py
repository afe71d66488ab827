"""On PostgreSQL, what no query looks into is json instead of jsonb."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEPT_WHOLE = {
    "dialogues": ("state",),
    "identities": ("profile", "windows"),
    "messages": ("content", "understanding", "decision"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in _KEPT_WHOLE.items():
        # In one statement, for each of them writes the table anew.
        types = ", ".join(f"ALTER COLUMN {name} TYPE {postgresql.JSON()}" for name in columns)
        op.execute(sa.text(f"ALTER TABLE {table} {types}"))
