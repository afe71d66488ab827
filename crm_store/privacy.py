"""Privacy: a customer's own data, exported or erased by what every table declares of its columns."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, delete, select, update
from sqlmodel import Session, SQLModel, col

from crm_store import followups
from crm_store.conversations import Conversation, close
from crm_store.customers import Customer
from crm_store.db import CleanJson, exclusive
from crm_store.history import Message, is_parked, is_waiting
from crm_store.identities import identities_of, lock_identities

ERASED = "the customer's data were erased"
REASONS = (ERASED,)
_CUSTOMER = "customer_id"


def export(session: Session, customer_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """All rows about a customer by table, in JSON values; without what is derived from other rows."""
    found = {}
    for table in SQLModel.metadata.sorted_tables:
        where = _about(table, customer_id)
        if where is not None and not table.info.get("derived"):
            rows = session.execute(select(table).where(where)).mappings()
            found[table.name] = [{k: _plain(v) for k, v in row.items()} for row in rows]
    return found


def erase(session: Session, customer_id: UUID, now: datetime) -> None:
    """Empty, rename or delete all that is personal of a customer; what happened stays countable.

    Open conversations end, and what was still to be said to the customer is not said any more.
    """
    exclusive(session, "search")
    _end(session, customer_id, now)
    names: dict[str, str] = {}
    for table in reversed(SQLModel.metadata.sorted_tables):
        where = _about(table, customer_id)
        declared: dict[str, str] = table.info["personal"]
        if where is None or not declared:
            continue
        if "delete" in declared.values():
            session.execute(delete(table).where(where))
            continue
        for name, what in declared.items():
            column = table.c[name]
            if what == "pseudonym":
                _rename(session, table, column, where, names)
            else:
                session.execute(update(table).where(where).values({name: _empty(column)}))
    erased = update(Customer).where(col(Customer.id) == customer_id, col(Customer.erased_at).is_(None))
    session.execute(erased.values(erased_at=now))


def _end(session: Session, customer_id: UUID, now: datetime) -> None:
    # The locks in the order in which recording and acting take them.
    lock_identities(session, [i.address for i in identities_of(session, [customer_id])[customer_id]])
    own = select(Conversation).where(col(Conversation.customer_id) == customer_id)
    for conversation_id in sorted(found.id for found in session.scalars(own).all()):
        close(session, conversation_id, now)
    followups.end_all(session, customer_id, ERASED, now)
    mine = col(Message.conversation_id).in_(
        select(col(Conversation.id)).where(col(Conversation.customer_id) == customer_id)
    )
    session.execute(select(col(Message.seq)).where(mine).order_by(col(Message.seq)).with_for_update())
    queued = update(Message).where(mine, col(Message.status) == "queued")
    session.execute(queued.values(status="skipped", reason=ERASED))
    session.execute(update(Message).where(mine, is_waiting() | is_parked()).values(work=None))


def _about(table: Table, customer_id: UUID) -> Any:
    if table.name == "customers":
        return table.c.id == customer_id
    if "conversation_id" in table.c and not table.c.conversation_id.nullable:
        # Also where the customer is named: the large tables are indexed by conversation.
        conversations = SQLModel.metadata.tables[str(Conversation.__tablename__)]
        own = select(conversations.c.id).where(conversations.c[_CUSTOMER] == customer_id)
        return table.c.conversation_id.in_(own)
    return table.c[_CUSTOMER] == customer_id if _CUSTOMER in table.c else None


def _rename(session: Session, table: Table, column: Column[Any], where: Any, names: dict[str, str]) -> None:
    # Two addresses of one customer stay two, and one address is the same in every table.
    for old in session.scalars(select(column).where(where).distinct()).all():
        new = names.setdefault(old, f"erased-{secrets.token_hex(12)}")
        session.execute(update(table).where(where, column == old).values({column.name: new}))


def _empty(column: Column[Any]) -> Any:
    if column.nullable:
        return None
    return {} if isinstance(column.type, CleanJson) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
