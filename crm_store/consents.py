"""Consents: what a customer allowed or forbade, per purpose, with the message that proves it."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, text
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit
from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime


class Consent(SQLModel, table=True):
    """The last word of a customer on one purpose."""

    __tablename__ = "consents"
    # Kept through an erasure: the proof that somebody said stop outlives their data.
    __table_args__ = {"info": NOT_PERSONAL}

    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    purpose: str = Field(sa_column=Column(CleanText, primary_key=True))  # "marketing"
    granted: bool
    source_id: UUID | None = None  # the message in which it was said
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM ("
    " SELECT DISTINCT hashtextextended('consents ' || r.value, 0) AS key"
    " FROM jsonb_array_elements_text(CAST(:ids AS jsonb)) AS r(value) ORDER BY key) AS ordered"
)


def lock_consents(session: Session, customer_ids: Collection[UUID]) -> None:
    """Until the transaction ends nobody else changes these consents, or sends because of them.

    In the order of locks: behind conversations, before messages.
    """
    if customer_ids and session.get_bind().dialect.name != "sqlite":
        session.execute(_LOCK, {"ids": json.dumps([str(each) for each in customer_ids])})


def consents_of(session: Session, customer_ids: Collection[UUID], purpose: str) -> dict[UUID, Consent]:
    """The last words of these customers on the purpose, where they said any; one query for all."""
    query = select(Consent).where(col(Consent.customer_id).in_(customer_ids))
    return {row.customer_id: row for row in session.exec(query.where(col(Consent.purpose) == purpose))}


def _set(
    session: Session,
    customer_id: UUID,
    purpose: str,
    *,
    granted: bool,
    source_id: UUID | None,
    now: datetime,
    actor: str,
) -> None:
    lock_consents(session, [customer_id])
    session.merge(
        Consent(
            customer_id=customer_id,
            purpose=purpose,
            granted=granted,
            source_id=source_id,
            updated_at=now,
        )
    )
    # Only the last word stands in the row; the audit has all of them.
    audit.note(
        session,
        actor=actor,
        action="consent.granted" if granted else "consent.withdrawn",
        noun="consent",
        noun_id=purpose,
        customer_id=customer_id,
        changes={"message": str(source_id) if source_id else None},
        now=now,
    )
    session.flush()


def withdraw(
    session: Session,
    customer_id: UUID,
    purpose: str,
    *,
    source_id: UUID | None,
    now: datetime,
    actor: str = "customer",
) -> None:
    """The customer said stop."""
    _set(session, customer_id, purpose, granted=False, source_id=source_id, now=now, actor=actor)


def grant(
    session: Session,
    customer_id: UUID,
    purpose: str,
    *,
    source_id: UUID | None,
    now: datetime,
    actor: str = "customer",
) -> None:
    """The customer said yes."""
    _set(session, customer_id, purpose, granted=True, source_id=source_id, now=now, actor=actor)


def find_consent(session: Session, customer_id: UUID, purpose: str) -> bool | None:
    """What the customer last said on the purpose; None if nothing."""
    found = session.get(Consent, (customer_id, purpose))
    return found.granted if found else None
