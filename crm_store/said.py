"""What customers wrote in a span of time, to be understood once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, func, select

from crm_store.history import Message

MOST_MESSAGES = 10_000  # of a span, the newest


@dataclass(frozen=True, slots=True)
class Said:
    """A customer's message, to be understood once more."""

    id: UUID
    conversation_id: UUID
    customer_id: UUID
    text: str
    created_at: datetime


def messages_in(session: Session, from_at: datetime, until_at: datetime) -> list[Said]:
    """What customers wrote in a span, the newest `MOST_MESSAGES`, in the order of recording."""
    first, last = _seq_at(session, from_at), _seq_at(session, until_at)
    query = select(Message).where(
        col(Message.seq) >= first,
        col(Message.seq) < last,
        col(Message.direction) == "in",
        col(Message.payload) == "",
        col(Message.text) != "",
    )
    rows = session.exec(query.order_by(col(Message.seq).desc()).limit(MOST_MESSAGES)).all()
    return [Said(m.id, m.conversation_id, m.customer_id, m.text, m.created_at) for m in reversed(rows)]


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
