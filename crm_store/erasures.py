"""Erasures that were asked for: done once the last word to the customer is on its way, or in a minute.

Rows, so that one that was asked for is done, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, exists
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit, privacy
from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, insert_into
from crm_store.history import Message, is_unsent
from crm_store.identities import identities_at, identities_of
from crm_store.messages import Address

AT_THE_LATEST = timedelta(minutes=1)
MOST_AT_ONCE = 20


class Erasure(SQLModel, table=True):
    """A customer whose data are to be erased."""

    __tablename__ = "erasures"
    __table_args__ = {"info": NOT_PERSONAL}

    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    answers: UUID | None = None  # the message whose answers are still to be sent
    actor: str = Field(sa_column=Column(CleanText, nullable=False))  # who asked: for the audit
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))  # at the latest


def ask(
    session: Session,
    customer_id: UUID,
    now: datetime,
    *,
    answers: UUID | None = None,
    actor: str = "customer",
) -> None:
    """Have a customer erased: once what answers this message is sent; else at the next tick."""
    due_at = now + AT_THE_LATEST if answers else now
    row = {"customer_id": customer_id, "answers": answers, "actor": actor, "due_at": due_at}
    session.execute(insert_into(session, Erasure).on_conflict_do_nothing().values(row))


def ask_for_left(session: Session, addresses: Collection[Address], now: datetime) -> None:
    """Have those erased who have left at these addresses and cannot be reached at any other."""
    left = {row.customer_id for row in identities_at(session, addresses).values()}
    for customer_id, accounts in identities_of(session, left).items() if left else ():
        if not any(account.reachable for account in accounts):
            ask(session, customer_id, now, actor="system")


def tick(session: Session, now: datetime) -> set[str]:
    """Erase whose time has come. Nothing is queued by it."""
    answer_waits = exists().where(
        is_unsent(), col(Message.customer_id) == col(Erasure.customer_id),
        col(Message.reply_to) == col(Erasure.answers),
    )  # fmt: skip
    due = (col(Erasure.due_at) <= now) | ~answer_waits
    for row in session.exec(select(Erasure).where(due).limit(MOST_AT_ONCE)).all():
        erase_now(session, row.customer_id, row.actor, now)
        session.delete(row)
    session.flush()
    return set()


def erase_now(session: Session, customer_id: UUID, actor: str, now: datetime) -> None:
    """Erase a customer in this transaction, and note who wanted it."""
    privacy.erase(session, customer_id, now)
    audit.note(
        session, actor=actor, action="customer.erased", noun="customer", noun_id=customer_id,
        customer_id=customer_id, now=now,
    )  # fmt: skip
