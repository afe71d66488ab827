"""The audit: who changed what, and when. Written in the transaction of the change, never altered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanJson, CleanText, UtcDateTime, new_id


class AuditEntry(SQLModel, table=True):
    """One change. That it happened outlives an erasure; what it said of a person does not."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_noun", "noun", "noun_id", "id"),
        Index("ix_audit_customer", "customer_id", "id"),
        {"info": {"personal": {"changes": "erase"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    actor: str = Field(
        sa_column=Column(CleanText, nullable=False)
    )  # "staff:lin", "token:ID", "customer", "system"
    action: str = Field(sa_column=Column(CleanText, nullable=False))  # "customer.edited"
    noun: str = Field(sa_column=Column(CleanText, nullable=False))  # "customer", "campaign", …
    noun_id: str = Field(sa_column=Column(CleanText, nullable=False))
    customer_id: UUID | None = Field(default=None, foreign_key="customers.id")  # whom it is about
    # By field: {"from": …, "to": …}, or what else tells the change.
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))


def note(
    session: Session,
    *,
    actor: str,
    action: str,
    noun: str,
    noun_id: object,
    now: datetime,
    customer_id: UUID | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write down a change in the transaction that makes it."""
    session.add(
        AuditEntry(
            at=now,
            actor=actor,
            action=action,
            noun=noun,
            noun_id=str(noun_id),
            customer_id=customer_id,
            changes=dict(changes or {}),
        )
    )


def list_entries(
    session: Session,
    *,
    noun: str = "",
    noun_id: str = "",
    customer_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[AuditEntry]:
    """Entries, newest first, older than `before`; of one noun, one thing or one customer if named."""
    query = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)
    if noun:
        query = query.where(col(AuditEntry.noun) == noun)
    if noun_id:
        query = query.where(col(AuditEntry.noun_id) == noun_id)
    if customer_id:
        query = query.where(col(AuditEntry.customer_id) == customer_id)
    if before:
        query = query.where(col(AuditEntry.id) < before)
    return session.exec(query).all()
