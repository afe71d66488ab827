"""Consents: what a customer allowed or forbade, per purpose, with the message that proves it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel

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
