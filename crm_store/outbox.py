"""The outbox: all that is to be sent, whoever wrote it. Rows are queued here; `sending.py` takes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement
from sqlmodel import Session, col, select

from crm_store.conversations import Conversation, Held
from crm_store.db import as_list, listing, new_id
from crm_store.history import ANSWERS, PUSHES, Message, goes_first, insert_messages
from crm_store.messages import Address, Content, Sender, clean
from crm_store.statements import Statement


@dataclass(slots=True)
class Outgoing:
    """A row that may be sent now."""

    id: UUID
    seq: int
    conversation_id: UUID
    address: Address
    sender: str
    content: Content
    created_at: datetime
    reply_to: UUID | None  # the message that it answers
    taken_at: datetime | None = None  # since when it is being sent
    lane: int = ANSWERS


def draft(
    conversation: Conversation | Held,
    content: Content,
    *,
    sender: Sender,
    source: str,
    now: datetime,
    due_at: datetime | None = None,
    key: str | None = None,
    reply_to: UUID | None = None,
) -> dict[str, Any]:
    """A row for the outbox; `queue` writes it. `key` makes a second row of the same answer impossible."""
    return {
        "id": new_id(),
        "conversation_id": conversation.id,
        "customer_id": conversation.customer_id,
        "channel": conversation.channel,
        "external_id": conversation.external_id,
        "direction": "out",
        "sender": sender,
        "source": source,
        "lane": lane_of(sender, source),
        "key": key,
        "text": clean(content.text),
        "content": content.to_json(),
        "payload": "",
        "created_at": now,
        "attempts": 0,
        "status": "queued",
        "due_at": due_at or now,
        "sent_at": None,
        "version": conversation.version,
        "reply_to": reply_to,
        "carried_by": None,
    }


def lane_of(sender: str, source: str) -> int:
    """Campaigns and follow-ups are pushes; a test that staff asked for is none."""
    unasked = source.startswith(("campaign:", "followup:"))
    return PUSHES if unasked or (sender == "campaign" and not source.startswith("test:")) else ANSWERS


def start_with(row: dict[str, Any], now: datetime) -> None:
    """Mark a draft as being sent from its first commit on: the request of what it answers is still open."""
    row |= {"status": "sending", "sent_at": now, "carried_by": row["reply_to"]}


def outgoing_of(row: Mapping[str, Any], seq: int) -> Outgoing:
    """A draft that `queue` has written, as a row that may be sent now."""
    return Outgoing(
        id=row["id"],
        seq=seq,
        conversation_id=row["conversation_id"],
        address=Address(row["channel"], row["external_id"]),
        sender=row["sender"],
        content=Content.from_json(row["content"]),
        created_at=row["created_at"],
        reply_to=row["reply_to"],
        taken_at=row["sent_at"],
    )


def _looking(dialect: str) -> ClauseElement:
    columns = (col(Message.channel), col(Message.external_id))
    wanted, same = listing(dialect, columns)
    return select(*columns).join(wanted, same).where(goes_first())


_BEFORE = Statement(_looking)


def in_the_way(session: Session, addresses: Collection[Address]) -> set[Address]:
    """Those of the addresses to which something is still to be sent before anything new."""
    if not addresses:
        return set()
    rows = as_list([(address.channel, address.external_id) for address in addresses])
    return {Address(channel, external_id) for channel, external_id in _BEFORE.fetch(session, rows=rows)}


def queue(session: Session, rows: Sequence[dict[str, Any]]) -> dict[UUID, int]:
    """Put rows into the outbox, in their order; returns the seq of each id.

    The caller holds the lock of their conversations, so that seq is the order of the commits.
    """
    if not rows:
        return {}
    return insert_messages(session, rows)
