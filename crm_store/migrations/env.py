"""How alembic reaches the database: over the connection that `Database.upgrade` hands in."""

from alembic import context
from sqlmodel import SQLModel

from crm_store.migrating import is_declared

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=False,
    include_object=is_declared,
)
with context.begin_transaction():
    context.run_migrations()
