"""Notes: what staff write for each other into a conversation. No customer and no program reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.conversations import Conversation
from crm_store.db import CleanText, UtcDateTime, new_id

LONGEST_NOTE = 4000  # characters
# Authors who are no staff, whose names never begin with a blank.
MODEL = " model"  # a summary by the language model
DOUBTFUL = " model?"  # the same, of a conversation in which somebody speaks to the model
_BY_MODEL = (MODEL, DOUBTFUL)
SUMMARY_WITHIN = timedelta(minutes=10)  # after a hand-over; later nobody waits for one
SUMMARY_KEEPS = timedelta(hours=1)  # for so long another hand-over of the same conversation needs none


class Note(SQLModel, table=True):
    """One note. It stands behind the message that was the last one when it was written."""

    __tablename__ = "notes"
    __table_args__ = (
        Index("ix_notes_conversation", "conversation_id", "after_seq"),
        Index("ix_notes_customer", "customer_id"),
        {"info": {"personal": {"text": "erase"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    conversation_id: UUID = Field(foreign_key="conversations.id")
    customer_id: UUID = Field(foreign_key="customers.id")
    after_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    author: str = Field(sa_column=Column(CleanText, nullable=False))  # a staff's short name
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    @property
    def by_model(self) -> bool:
        """Whether a language model has written it."""
        return self.author in _BY_MODEL

    @property
    def is_doubtful(self) -> bool:
        """Whether somebody may have told the model what to write."""
        return self.author == DOUBTFUL


def write_note(
    session: Session, conversation: Conversation, author: str, text: str, *, after_seq: int, now: datetime
) -> Note:
    """Write a note behind the message with this seq."""
    note = Note(
        conversation_id=conversation.id,
        customer_id=conversation.customer_id,
        after_seq=after_seq,
        author=author,
        text=text.strip()[:LONGEST_NOTE],
        created_at=now,
    )
    session.add(note)
    session.flush()
    return note


def without_summary(session: Session, now: datetime, limit: int = 20) -> list[tuple[UUID, datetime]]:
    """Conversations that people were given lately and no model has summed up: their ids, and since when."""
    summed_up = select(Note.id).where(
        col(Note.conversation_id) == col(Conversation.id),
        col(Note.author).in_(_BY_MODEL),
        col(Note.created_at) > now - SUMMARY_KEEPS,
    )
    query = select(Conversation.id, Conversation.floor_since).where(
        col(Conversation.floor).in_(("waiting", "agent")),
        col(Conversation.floor_since) > now - SUMMARY_WITHIN,
        col(Conversation.heard_at).is_not(None),
        ~summed_up.exists(),
    )
    newest_first = query.order_by(col(Conversation.floor_since).desc()).limit(limit)
    return [(one, since) for one, since in session.exec(newest_first) if since is not None]


def list_notes(
    session: Session, conversation_id: UUID, *, first_seq: int = 0, before_seq: int | None = None
) -> Sequence[Note]:
    """Notes behind messages from `first_seq` on, up to before `before_seq`, oldest first."""
    query = select(Note).where(
        col(Note.conversation_id) == conversation_id, col(Note.after_seq) >= first_seq
    )
    if before_seq is not None:
        query = query.where(col(Note.after_seq) < before_seq)
    return session.exec(query.order_by(col(Note.after_seq), col(Note.id))).all()
