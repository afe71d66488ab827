"""Messages as a customer sees them: the rows of the history turned into a channel's lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from bots.base import Line
from crm_store.history import Message
from crm_store.messages import Content, Incoming
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


def line_to(line: Line) -> dict[str, Any]:
    """A line as a JSON object, for another process."""
    told = {name: getattr(line, name) for name in Line.__dataclass_fields__}
    return told | {"content": line.content.to_json(), "created_at": line.created_at.isoformat()}


def line_from(told: Mapping[str, Any]) -> Line:
    """A line out of what `line_to` made of it."""
    content, created_at = Content.from_json(told["content"]), datetime.fromisoformat(told["created_at"])
    return Line(**{**told, "content": content, "created_at": created_at})
