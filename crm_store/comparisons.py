"""Two versions of the bot side by side: asked for as a row, worked off by parley, shown by the console.

What differs goes with the customer's data; a text is kept without phone numbers and the like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, delete, func, update
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.conversations import Conversation
from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id
from crm_store.history import Message
from crm_store.messages import NotFound, Refused
from crm_store.trainings import TrainedModel

_KEPT = 10
KINDS = ("lost", "gained", "answer", "intent", "confidence")  # how an outcome differs
BAD_SPAN = "choose a span that begins before it ends"
SAME = "choose two different versions"
NOT_KEPT = "this version is not kept any more"
BROKEN = "one of the versions failed; the log has the details"
REASONS = (BAD_SPAN, SAME, NOT_KEPT, BROKEN)


class Comparison(SQLModel, table=True):
    """One comparison: of which versions, over which time, how far it has come."""

    __tablename__ = "comparisons"
    __table_args__ = (Index("ix_comparisons_status", "status"), {"info": NOT_PERSONAL})

    id: UUID = Field(default_factory=new_id, primary_key=True)
    status: str = Field(default="waiting", sa_column=Column(CleanText, nullable=False))
    # … running, done, failed
    asked_by: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    before_id: UUID | None = None  # a training; None: the project's own model
    after_id: UUID | None = None
    from_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    progress: float = 0.0
    messages: int = 0
    error: str | None = Field(default=None, sa_column=Column(CleanText))


class Compared(SQLModel, table=True):
    """A message that the two versions take differently. An outcome: intent, confidence, by, name."""

    __tablename__ = "compared"
    __table_args__ = (
        Index("ix_compared_number", "comparison_id", "kind", "number"),
        Index("ix_compared_conversation", "conversation_id"),
        {"info": {"personal": {"text": "delete", "before": "delete", "after": "delete"}, "derived": True}},
    )

    comparison_id: UUID = Field(foreign_key="comparisons.id", primary_key=True)
    message_id: UUID = Field(primary_key=True)
    conversation_id: UUID = Field(foreign_key="conversations.id")
    customer_id: UUID = Field(foreign_key="customers.id")
    number: int  # messages that say the same in the same words have the same
    kind: str = Field(sa_column=Column(CleanText, nullable=False))
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    before: dict[str, Any] = Field(sa_column=Column(CleanJson, nullable=False))
    after: dict[str, Any] = Field(sa_column=Column(CleanJson, nullable=False))
    asked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


@dataclass(frozen=True, slots=True)
class Difference:
    """A text that is taken differently, as it was written last, and by how many messages."""

    row: Compared
    count: int


def ask(
    session: Session,
    versions: tuple[UUID | None, UUID | None],
    span: tuple[datetime, datetime],
    asked_by: str,
    now: datetime,
) -> Comparison:
    """Have two versions compared over the messages of a span; Refused if that makes no sense."""
    before, after = versions
    if before == after:
        raise Refused(SAME)
    if span[0] >= span[1]:
        raise Refused(BAD_SPAN)
    if not {v for v in versions if v} <= kept_versions(session):
        raise Refused(NOT_KEPT)
    beyond = select(Comparison.id).order_by(col(Comparison.id).desc()).offset(_KEPT - 1)
    old = session.exec(beyond.with_for_update()).all()  # One of them may just be written to.
    session.execute(delete(Compared).where(col(Compared.comparison_id).in_(old)))
    session.execute(delete(Comparison).where(col(Comparison.id).in_(old)))
    found = Comparison(
        asked_by=asked_by,
        created_at=now,
        before_id=before,
        after_id=after,
        from_at=span[0],
        until_at=span[1],
    )
    session.add(found)
    return found


def kept_versions(session: Session) -> set[UUID]:
    """The trainings whose models are kept."""
    return set(session.exec(select(TrainedModel.training_id)).all())


def get_comparison(session: Session, comparison_id: UUID) -> Comparison:
    """The comparison; NotFound if there is none."""
    found = session.get(Comparison, comparison_id)
    if found is None:
        raise NotFound(f"there is no comparison {comparison_id}")
    return found


def list_comparisons(session: Session) -> Sequence[Comparison]:
    """Those that are kept, newest first."""
    return session.exec(select(Comparison).order_by(col(Comparison.id).desc())).all()


def waits(session: Session) -> bool:
    """Whether there is anything to compare."""
    query = select(Comparison.id).where(col(Comparison.status).in_(("waiting", "running")))
    return session.exec(query.limit(1)).first() is not None


def start(session: Session) -> Comparison | None:
    """Begin with the oldest that waits; what a process was at when it died is begun anew."""
    query = select(Comparison).where(col(Comparison.status).in_(("waiting", "running")))
    found = session.exec(query.order_by(col(Comparison.id)).limit(1)).first()
    if found is not None:
        session.execute(delete(Compared).where(col(Compared.comparison_id) == found.id))
        found.status, found.progress, found.messages = "running", 0.0, 0
        session.add(found)
    return found


def note(
    session: Session, comparison_id: UUID, rows: Sequence[Mapping[str, Any]], messages: int, progress: float
) -> bool:
    """Write down what differs among so many further messages; False: the comparison is gone.

    A customer whose data were erased meanwhile is left out; who is to be erased now waits for this.
    """
    mine = col(Comparison.id) == comparison_id
    counted = update(Comparison).where(mine)
    counted = counted.values(progress=progress, messages=col(Comparison.messages) + messages)
    if not session.execute(counted.returning(col(Comparison.id))).all():
        return False
    # Erasing locks a customer's conversations first; until this is written it waits there.
    talks = {row["conversation_id"] for row in rows}
    held = select(Conversation.id).where(col(Conversation.id).in_(talks)).order_by(col(Conversation.id))
    session.exec(held.with_for_update(read=True, key_share=True)).all()
    ids = [row["message_id"] for row in rows]
    still = select(Message.id).where(col(Message.id).in_(ids), col(Message.text) != "")
    there = set(session.exec(still).all())
    session.add_all(
        Compared(comparison_id=comparison_id, **row) for row in rows if row["message_id"] in there
    )
    return True


def end(session: Session, comparison_id: UUID, now: datetime, error: str | None = None) -> None:
    """It is through, or could not be done."""
    values = {"status": "failed" if error else "done", "error": error, "finished_at": now, "progress": 1.0}
    session.execute(update(Comparison).where(col(Comparison.id) == comparison_id).values(values))


def count_kinds(session: Session, comparison_id: UUID) -> dict[str, int]:
    """How many messages differ in which way."""
    query = select(Compared.kind, func.count()).where(col(Compared.comparison_id) == comparison_id)
    found = dict(session.exec(query.group_by(col(Compared.kind))).all())
    return {kind: found.get(kind, 0) for kind in KINDS}


def list_differences(
    session: Session, comparison_id: UUID, kind: str = "", *, skip: int = 0, limit: int = 50
) -> list[Difference]:
    """What differs, in the given way or any, what was written most often first."""
    where = [col(Compared.comparison_id) == comparison_id]
    if kind:
        where.append(col(Compared.kind) == kind)
    count = func.count().label("count")
    query = select(Compared.number, count).where(*where).group_by(col(Compared.number))
    query = query.order_by(count.desc(), col(Compared.number)).offset(skip).limit(limit)
    counts = dict(session.exec(query).all())
    newest: dict[int, Compared] = {}
    of_each = select(Compared).where(*where, col(Compared.number).in_(counts))
    for row in session.exec(of_each.order_by(col(Compared.asked_at), col(Compared.message_id))):
        newest[row.number] = row
    return [Difference(newest[number], times) for number, times in counts.items()]
