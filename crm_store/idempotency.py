"""Idempotency keys: a request that creates something and comes again gets the first one's answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, delete, update
from sqlmodel import Field, Session, SQLModel, col

from crm_store.db import CleanJson, CleanText, UtcDateTime, insert_into
from crm_store.messages import ParleyError

KEPT = timedelta(hours=24)


class KeyReused(ParleyError):
    """This Idempotency-Key was used for another request."""


class IdempotencyKey(SQLModel, table=True):
    """One key of one caller, and what the first request under it was answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("ix_idempotency_keys_created", "created_at"),
        Index("ix_idempotency_keys_customer", "customer_id"),
        {"info": {"personal": {"answer": "delete"}}},
    )

    caller: str = Field(sa_column=Column(CleanText, primary_key=True))  # "token:ID"
    key: str = Field(sa_column=Column(CleanText, primary_key=True))
    digest: str = Field(sa_column=Column(CleanText, nullable=False))  # of the request
    answer: Any = Field(default=None, sa_column=Column(CleanJson))
    customer_id: UUID | None = Field(default=None, foreign_key="customers.id")  # whom the answer tells of
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def claim_key(session: Session, caller: str, key: str, digest: str, now: datetime) -> Any:
    """None: this request is the first under the key. Else the first one's answer.

    Who comes second while the first is at work waits for its commit. `KeyReused` for another request.
    """
    session.execute(delete(IdempotencyKey).where(_is(caller, key), _is_old(now)))
    row = {"caller": caller, "key": key, "digest": digest, "created_at": now}
    claim = insert_into(session, IdempotencyKey).on_conflict_do_nothing().values(row)
    if session.execute(claim.returning(col(IdempotencyKey.key))).first():
        return None
    first = session.get_one(IdempotencyKey, (caller, key), populate_existing=True)
    if first.digest != digest:
        raise KeyReused
    return first.answer


def keep_answer(session: Session, caller: str, key: str, answer: Any, customer_id: UUID | None) -> None:
    """Keep what a request under a key was answered, in the transaction of what it did."""
    session.execute(
        update(IdempotencyKey).where(_is(caller, key)).values(answer=answer, customer_id=customer_id)
    )


def tick(session: Session, now: datetime) -> set[str]:
    """Forget keys after a day. Nothing is queued by it."""
    session.execute(delete(IdempotencyKey).where(_is_old(now)))
    return set()


def _is(caller: str, key: str) -> Any:
    return (col(IdempotencyKey.caller) == caller) & (col(IdempotencyKey.key) == key)


def _is_old(now: datetime) -> Any:
    return col(IdempotencyKey.created_at) < now - KEPT
