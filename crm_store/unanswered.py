"""What customers asked and nobody answered: written by the turn that failed, until an entry answers it.

Texts come in without phone numbers and the like; what is left goes with the customer's data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Text, func, literal_column, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanText, UtcDateTime, new_id
from crm_store.statements import Rows
from crm_store.wording import key

_OPEN = text("state = 'open'")
_IS_OPEN = literal_column("'open'", Text)
KEPT_DAYS = 90  # older questions are not shown any more
LONGEST = 300  # characters of a question


class Unanswered(SQLModel, table=True):
    """One question, and why it counts as unanswered."""

    __tablename__ = "unanswered"
    __table_args__ = (
        Index("uq_unanswered_message", "message_id", unique=True),
        Index("ix_unanswered_open", "key", "asked_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_unanswered_conversation", "conversation_id"),
        Index("ix_unanswered_customer", "customer_id"),
        {"info": {"personal": {"text": "delete", "key": "delete"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    message_id: UUID
    conversation_id: UUID = Field(foreign_key="conversations.id")
    customer_id: UUID = Field(foreign_key="customers.id")
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    key: str = Field(sa_column=Column(CleanText, nullable=False))  # what texts that say the same share
    language: str = Field(sa_column=Column(CleanText, nullable=False))
    why: str = Field(sa_column=Column(CleanText, nullable=False))  # ask_back, fallback, hand_over, agent
    # open; picked (from what was asked back), covered (an entry answers it now), dismissed (by a person)
    state: str = Field(default="open", sa_column=Column(CleanText, nullable=False))
    asked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # The entry or intent that a language model takes it for; empty: none; NULL: it was not asked.
    label: str | None = Field(default=None, sa_column=Column(CleanText))


@dataclass(frozen=True, slots=True)
class Group:
    """A question that was asked in the same words, once or often."""

    key: str
    text: str  # as it was asked last
    count: int
    asked_at: datetime  # last
    conversation_id: UUID  # in which it was asked last
    why: str
    language: str
    label: str | None = None  # see `Unanswered.label`


_TABLE = SQLModel.metadata.tables[str(Unanswered.__tablename__)]
_NOTE = Rows(_TABLE, [each.name for each in _TABLE.columns])


def note_unanswered(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write down questions: message_id, conversation_id, customer_id, text, language, why, asked_at."""
    found = []
    for row in rows:
        question = row["text"][:LONGEST]
        if question.strip():
            found.append(
                row
                | {"id": new_id(), "state": "open", "label": None, "text": question, "key": key(question)}
            )
    _NOTE.write(session, found)


def note_picked(session: Session, conversation_ids: Collection[UUID]) -> None:
    """The customers have picked one of the things that were asked back: their questions were answered."""
    if conversation_ids:
        mine = col(Unanswered.conversation_id).in_(conversation_ids)
        asked = (mine, _open(), col(Unanswered.why) == "ask_back")
        session.execute(update(Unanswered).where(*asked).values(state="picked"))


def list_groups(session: Session, now: datetime, *, skip: int = 0, limit: int = 50) -> list[Group]:
    """Open questions, the most asked first, of the last ninety days."""
    times, last = func.count().label("times"), func.max(col(Unanswered.asked_at)).label("last")
    query = select(Unanswered.key, times).where(_open(), _recent(now)).group_by(col(Unanswered.key))
    query = query.order_by(times.desc(), last.desc(), col(Unanswered.key)).offset(skip).limit(limit)
    counts = dict(session.exec(query).all())
    newest: dict[str, Unanswered] = {}
    of_each = select(Unanswered).where(_open(), _newest(counts))
    for row in session.exec(of_each.order_by(col(Unanswered.id))):
        newest[row.key] = row
    return [_group(newest[one], count) for one, count in counts.items() if one in newest]


def count_groups(session: Session, now: datetime) -> int:
    """How many different questions are open."""
    distinct = func.count(col(Unanswered.key).distinct())
    return session.exec(select(distinct).where(_open(), _recent(now))).one()


def find_group(session: Session, question: str, now: datetime) -> list[Unanswered]:
    """The questions of one group, newest first, at most twenty."""
    query = select(Unanswered).where(_open(), col(Unanswered.key) == question, _recent(now))
    return list(session.exec(query.order_by(col(Unanswered.asked_at).desc()).limit(20)))


def label(session: Session, labels: Mapping[str, str]) -> None:
    """Keep what a language model takes open questions for: an entry's or intent's name by their key."""
    for one, name in labels.items():
        mine = update(Unanswered).where(_open(), col(Unanswered.key) == one)
        session.execute(mine.values(label=name))


def settle(session: Session, keys: Collection[str], state: str) -> int:
    """Take questions from the list, `dismissed` by a person or `covered` by an entry; how many."""
    if not keys:
        return 0
    mine = update(Unanswered).where(_open(), col(Unanswered.key).in_(keys)).values(state=state)
    return len(session.execute(mine.returning(col(Unanswered.id))).all())


def open_texts(session: Session, now: datetime, *, after: str = "", limit: int = 200) -> dict[str, str]:
    """Open questions behind the key `after`, in the order of their keys: for asking a new model."""
    query = select(Unanswered.key, func.max(col(Unanswered.text))).where(_open(), _recent(now))
    query = query.where(col(Unanswered.key) > after).group_by(col(Unanswered.key))
    return dict(session.exec(query.order_by(col(Unanswered.key)).limit(limit)).all())


def _open() -> Any:
    return col(Unanswered.state) == _IS_OPEN


def _recent(now: datetime) -> Any:
    return col(Unanswered.asked_at) > now - timedelta(days=KEPT_DAYS)


def _newest(keys: Collection[str]) -> Any:
    last = select(func.max(col(Unanswered.asked_at))).where(_open(), col(Unanswered.key).in_(keys))
    return col(Unanswered.key).in_(keys) & col(Unanswered.asked_at).in_(last.group_by(col(Unanswered.key)))


def _group(row: Unanswered, count: int) -> Group:
    return Group(
        row.key, row.text, count, row.asked_at, row.conversation_id, row.why, row.language, row.label
    )
