"""The first tables."""

import sqlalchemy as sa
from alembic import op

import crm_store.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("name", crm_store.db.CleanText(), nullable=False),
        sa.Column("kind", crm_store.db.CleanText(), nullable=False),
        sa.Column("policy", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.Column("opened_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", crm_store.db.CleanText(), nullable=False),
        sa.Column("language", crm_store.db.CleanText(), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "shared_values",
        sa.Column("key", crm_store.db.CleanText(), nullable=False),
        sa.Column("value", crm_store.db.CleanText(), nullable=False),
        sa.Column("ends_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", crm_store.db.CleanText(), nullable=False),
        sa.Column("scope", crm_store.db.CleanText(), nullable=False),
        sa.Column("digest", crm_store.db.CleanText(), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "consents",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", crm_store.db.CleanText(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "purpose"),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", crm_store.db.CleanText(), nullable=False),
        sa.Column("external_id", crm_store.db.CleanText(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("floor", crm_store.db.CleanText(), nullable=False),
        sa.Column("agent", crm_store.db.CleanText(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_message_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", crm_store.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("leased_by", crm_store.db.CleanText(), nullable=True),
        sa.Column("leased_until", crm_store.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index("ix_conversations_customer", ["customer_id"], unique=False)
        batch_op.create_index("ix_conversations_floor", ["floor", "id"], unique=False)
        batch_op.create_index(
            "ix_conversations_leased",
            ["leased_by"],
            unique=False,
            sqlite_where=sa.text("leased_by IS NOT NULL"),
            postgresql_where=sa.text("leased_by IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_conversations_open",
            ["channel", "external_id"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "customer_attributes",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", crm_store.db.CleanText(), nullable=False),
        sa.Column("value", crm_store.db.CleanJson(none_as_null=True), nullable=True),
        sa.Column("source", crm_store.db.CleanText(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("customer_id", "name"),
    )
    op.create_table(
        "customer_tags",
        sa.Column("tag", crm_store.db.CleanText(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("source", crm_store.db.CleanText(), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("tag", "customer_id"),
    )
    with op.batch_alter_table("customer_tags", schema=None) as batch_op:
        batch_op.create_index("ix_customer_tags_customer", ["customer_id"], unique=False)

    op.create_table(
        "identities",
        sa.Column("channel", crm_store.db.CleanText(), nullable=False),
        sa.Column("external_id", crm_store.db.CleanText(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("profile", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.Column("windows", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("channel", "external_id"),
    )
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.create_index("ix_identities_customer", ["customer_id"], unique=False)

    op.create_table(
        "dialogues",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("state", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.Column("updated_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    op.create_table(
        "messages",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", crm_store.db.CleanText(), nullable=False),
        sa.Column("external_id", crm_store.db.CleanText(), nullable=False),
        sa.Column("direction", crm_store.db.CleanText(), nullable=False),
        sa.Column("sender", crm_store.db.CleanText(), nullable=False),
        sa.Column("source", crm_store.db.CleanText(), nullable=False),
        sa.Column("key", crm_store.db.CleanText(), nullable=True),
        sa.Column("text", crm_store.db.CleanText(), nullable=False),
        sa.Column("content", crm_store.db.CleanJson(none_as_null=True), nullable=False),
        sa.Column("payload", crm_store.db.CleanText(), nullable=False),
        sa.Column("created_at", crm_store.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("work", crm_store.db.CleanText(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("understanding", crm_store.db.CleanJson(none_as_null=True), nullable=True),
        sa.Column("decision", crm_store.db.CleanJson(none_as_null=True), nullable=True),
        sa.Column("status", crm_store.db.CleanText(), nullable=False),
        sa.Column("reason", crm_store.db.CleanText(), nullable=True),
        sa.Column("code", crm_store.db.CleanText(), nullable=True),
        sa.Column("platform_id", crm_store.db.CleanText(), nullable=True),
        sa.Column("due_at", crm_store.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_at", crm_store.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reply_to", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("ix_messages_conversation", ["conversation_id", "seq"], unique=False)
        batch_op.create_index(
            "ix_messages_platform_id",
            ["channel", "platform_id"],
            unique=False,
            sqlite_where=sa.text("platform_id IS NOT NULL"),
            postgresql_where=sa.text("platform_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_unsent",
            ["channel", "external_id", "seq"],
            unique=False,
            sqlite_where=sa.text("status IN ('queued', 'sending')"),
            postgresql_where=sa.text("status IN ('queued', 'sending')"),
        )
        batch_op.create_index(
            "ix_messages_waiting",
            ["conversation_id", "seq"],
            unique=False,
            sqlite_where=sa.text("work = 'waiting'"),
            postgresql_where=sa.text("work = 'waiting'"),
        )
        batch_op.create_index("uq_messages_key", ["channel", "external_id", "key"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index("uq_messages_key")
        batch_op.drop_index(
            "ix_messages_waiting",
            sqlite_where=sa.text("work = 'waiting'"),
            postgresql_where=sa.text("work = 'waiting'"),
        )
        batch_op.drop_index(
            "ix_messages_unsent",
            sqlite_where=sa.text("status IN ('queued', 'sending')"),
            postgresql_where=sa.text("status IN ('queued', 'sending')"),
        )
        batch_op.drop_index(
            "ix_messages_platform_id",
            sqlite_where=sa.text("platform_id IS NOT NULL"),
            postgresql_where=sa.text("platform_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_messages_conversation")

    op.drop_table("messages")
    op.drop_table("dialogues")
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.drop_index("ix_identities_customer")

    op.drop_table("identities")
    with op.batch_alter_table("customer_tags", schema=None) as batch_op:
        batch_op.drop_index("ix_customer_tags_customer")

    op.drop_table("customer_tags")
    op.drop_table("customer_attributes")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_conversations_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_conversations_leased",
            sqlite_where=sa.text("leased_by IS NOT NULL"),
            postgresql_where=sa.text("leased_by IS NOT NULL"),
        )
        batch_op.drop_index("ix_conversations_floor")
        batch_op.drop_index("ix_conversations_customer")

    op.drop_table("conversations")
    op.drop_table("consents")
    op.drop_table("tokens")
    op.drop_table("shared_values")
    op.drop_table("customers")
    op.drop_table("channels")
