"""Messages as a customer sees them: the rows of the history turned into a channel's lines."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from bots.base import Line
from crm_store.history import Message
from crm_store.messages import Incoming
from crm_store.outbox import Outgoing


def line_of(message: Message) -> Line:
    """A row of the history."""
    return Line(
        seq=message.seq or 0,
        id=str(message.id),
        direction=message.direction,
        sender=message.sender,
        content=message.said,
        created_at=message.created_at,
        key=message.key or "" if message.direction == "in" else "",
    )


def line_in(incoming: Incoming, message_id: UUID, seq: int, now: datetime) -> Line:
    """A message that was recorded just now."""
    return Line(
        seq=seq,
        id=str(message_id),
        direction="in",
        sender="customer",
        content=incoming.content,
        created_at=now,
        key=incoming.key,
    )


def line_out(outgoing: Outgoing) -> Line:
    """A message that is being sent."""
    return Line(
        seq=outgoing.seq,
        id=str(outgoing.id),
        direction="out",
        sender=outgoing.sender,
        content=outgoing.content,
        created_at=outgoing.created_at,
    )
