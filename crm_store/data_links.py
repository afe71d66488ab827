"""Links to a customer's own data: made in the chat, unguessable, good for a quarter of an hour."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, Index, delete
from sqlmodel import Field, Session, SQLModel, col

from crm_store.db import CleanText, UtcDateTime

LASTS = timedelta(minutes=15)


class DataLink(SQLModel, table=True):
    """One link. Only its hash is kept."""

    __tablename__ = "data_links"
    __table_args__ = (
        Index("ix_data_links_customer", "customer_id"),
        {"info": {"personal": {"digest": "delete"}}},
    )

    digest: str = Field(sa_column=Column(CleanText, primary_key=True))
    customer_id: UUID = Field(foreign_key="customers.id")
    ends_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def make_link(session: Session, customer_id: UUID, now: datetime) -> str:
    """The secret of a new link; a customer's earlier links end."""
    session.execute(delete(DataLink).where(col(DataLink.customer_id) == customer_id))
    secret = secrets.token_urlsafe(32)
    session.add(DataLink(digest=_digest(secret), customer_id=customer_id, ends_at=now + LASTS))
    session.flush()
    return secret


def find_link(session: Session, secret: str, now: datetime) -> UUID | None:
    """Whose data the link leads to; None if it has ended or never was."""
    found = session.get(DataLink, _digest(secret))
    return found.customer_id if found and found.ends_at > now else None


def _digest(secret: str) -> str:
    # 256 random bits: a plain hash is as good as a slow one.
    return hashlib.sha256(secret.encode()).hexdigest()
