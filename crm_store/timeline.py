"""The timeline: all that happened with a customer on all channels, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlmodel import Session, col, or_, select

from crm_store.audit import AuditEntry
from crm_store.conversations import Conversation
from crm_store.events import Event
from crm_store.followups import FollowUp
from crm_store.history import Message
from crm_store.notes import Note

Kind = Literal["message", "campaign", "event", "note", "followup", "change"]
KINDS: tuple[Kind, ...] = ("message", "campaign", "event", "note", "followup", "change")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `row` is the message, event, note, follow-up or audit entry itself."""

    kind: Kind
    at: datetime
    id: UUID
    row: Any


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which entry a page begins."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """What `str` wrote; None for anything else."""
        at, _, written = text.partition("~")
        try:
            moment = datetime.fromisoformat(at)
            return cls(moment, UUID(written)) if moment.tzinfo else None
        except ValueError:
            return None


def page_of(
    session: Session,
    customer_id: UUID,
    *,
    kinds: Collection[Kind] = KINDS,
    after: Place | None = None,
    limit: int = 50,
) -> tuple[list[Entry], Place | None]:
    """What happened, newest first, behind `after`; and from where the next page goes on, if there is one.

    Each kind is asked for a page of its own; what is not needed of it comes with the next page.
    """
    found: list[Entry] = []
    for kind in kinds:
        found += _SOURCES[kind](session, customer_id, after, limit + 1)
    found.sort(key=lambda entry: (entry.at, entry.id), reverse=True)
    page = found[:limit]
    return page, Place(page[-1].at, page[-1].id) if len(found) > limit else None


def _behind(at: Any, key: Any, after: Place | None) -> Sequence[Any]:
    if after is None:
        return ()
    return (or_(at < after.at, (at == after.at) & (key < after.id)),)


def _rows(
    session: Session, table: Any, at: Any, where: Sequence[Any], after: Place | None, limit: int
) -> Sequence[Any]:
    query = select(table).where(*where, *_behind(at, col(table.id), after))
    return session.exec(query.order_by(at.desc(), col(table.id).desc()).limit(limit)).all()


def _said(
    session: Session, customer_id: UUID, after: Place | None, limit: int, *, by_campaign: bool
) -> list[Entry]:
    own = select(Conversation.id).where(col(Conversation.customer_id) == customer_id)
    sent = col(Message.sender) == "campaign"
    where = (col(Message.conversation_id).in_(own), sent if by_campaign else ~sent)
    kind: Kind = "campaign" if by_campaign else "message"
    rows = _rows(session, Message, col(Message.created_at), where, after, limit)
    return [Entry(kind, row.created_at, row.id, row) for row in rows]


def _messages(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    return _said(session, customer_id, after, limit, by_campaign=False)


def _campaigns(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    return _said(session, customer_id, after, limit, by_campaign=True)


def _events(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    rows = _rows(session, Event, col(Event.at), (col(Event.customer_id) == customer_id,), after, limit)
    return [Entry("event", row.at, row.id, row) for row in rows]


def _notes(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    mine = (col(Note.customer_id) == customer_id,)
    rows = _rows(session, Note, col(Note.created_at), mine, after, limit)
    return [Entry("note", row.created_at, row.id, row) for row in rows]


def _followups(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    mine = (col(FollowUp.customer_id) == customer_id,)
    rows = _rows(session, FollowUp, col(FollowUp.created_at), mine, after, limit)
    return [Entry("followup", row.created_at, row.id, row) for row in rows]


def _changes(session: Session, customer_id: UUID, after: Place | None, limit: int) -> list[Entry]:
    # A follow-up stands in the timeline itself.
    mine = (col(AuditEntry.customer_id) == customer_id, col(AuditEntry.noun) != "followup")
    rows = _rows(session, AuditEntry, col(AuditEntry.at), mine, after, limit)
    return [Entry("change", row.at, row.id, row) for row in rows]


_SOURCES: dict[Kind, Callable[[Session, UUID, Place | None, int], list[Entry]]] = {
    "message": _messages,
    "campaign": _campaigns,
    "event": _events,
    "note": _notes,
    "followup": _followups,
    "change": _changes,
}
