"""What customers wrote in a span of time, to be understood once more, and what really came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlmodel import Session, col, func, select

from crm_store.history import Message

MOST_MESSAGES = 10_000  # of a span with what came before it, the newest
RUN_IN = timedelta(hours=1)  # before a span, so that what was said in it has its dialogue


@dataclass(frozen=True, slots=True)
class Said:
    """A customer's message, to be understood once more."""

    id: UUID
    conversation_id: UUID
    customer_id: UUID
    text: str
    created_at: datetime
    counts: bool = True  # not what was tapped, or was said before the span


@dataclass(frozen=True, slots=True)
class Happened:
    """What a message was understood as, and what was done about it; see `history.Message`."""

    understanding: Mapping[str, Any] | None
    decision: Sequence[Mapping[str, Any]]


def messages_in(session: Session, from_at: datetime, until_at: datetime) -> list[Said]:
    """What customers wrote in a span and shortly before, the newest `MOST_MESSAGES`.

    One conversation after the other, each in the order of recording.
    """
    first, last = _seq_at(session, from_at - RUN_IN), _seq_at(session, until_at)
    query = sqlalchemy.select(
        col(Message.id), col(Message.conversation_id), col(Message.customer_id), col(Message.text),
        col(Message.created_at), col(Message.payload), col(Message.seq),
    ).where(col(Message.seq) >= first, col(Message.seq) < last, col(Message.direction) == "in")  # fmt: skip
    rows = session.execute(query.order_by(col(Message.seq).desc()).limit(MOST_MESSAGES)).all()
    return [
        Said(
            row.id,
            row.conversation_id,
            row.customer_id,
            row.text,
            row.created_at,
            bool(row.text) and not row.payload and row.created_at >= from_at,
        )
        for row in sorted(rows, key=lambda row: (row.conversation_id, row.seq))
    ]


def what_happened(session: Session, ids: Collection[UUID]) -> dict[UUID, Happened]:
    """What came of messages, by id."""
    query = select(Message.id, Message.understanding, Message.decision).where(col(Message.id).in_(ids))
    return {one: Happened(heard, decision or ()) for one, heard, decision in session.exec(query)}


def yesterday(now: datetime) -> tuple[datetime, datetime]:
    """The day before `now`, in its own time zone: from midnight to midnight."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1), today


def _seq_at(session: Session, moment: datetime) -> int:
    """The seq of the first message recorded at this moment or later: twenty looks instead of an index."""
    least, most = session.exec(select(func.min(col(Message.seq)), func.max(col(Message.seq)))).one()
    if least is None or most is None:
        return 0
    first, last = least, most + 1
    while first < last:
        middle = (first + last) // 2
        query = select(Message.seq, Message.created_at).where(col(Message.seq) >= middle)
        found = session.exec(query.order_by(col(Message.seq)).limit(1)).first()
        if found is None or found[1] >= moment:
            last = middle
        else:
            first = middle + 1
    return first
