"""Examples of intents that people taught the bot in the console, beside those of the project's files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index, delete
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit, trainings
from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, new_id
from crm_store.messages import Refused
from crm_store.wording import key

LONGEST = 300  # characters of an example
NO_EXAMPLE = "choose an intent, and at least one question"
REASONS = (NO_EXAMPLE,)


class TaughtExample(SQLModel, table=True):
    """A text that means an intent. Like an entry's phrasing it is the company's, not a customer's."""

    __tablename__ = "taught_examples"
    __table_args__ = (Index("uq_taught_examples_key", "key", unique=True), {"info": NOT_PERSONAL})

    id: UUID = Field(default_factory=new_id, primary_key=True)
    intent: str = Field(sa_column=Column(CleanText, nullable=False))
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    key: str = Field(sa_column=Column(CleanText, nullable=False))  # a text means one intent
    created_by: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def teach(session: Session, intent: str, texts: Sequence[str], actor: str, now: datetime) -> int:
    """Have the bot learn that these texts mean this intent; what they meant before is forgotten."""
    wanted = {key(text): text[:LONGEST].strip() for text in texts if text.strip()}
    if not intent or not wanted:
        raise Refused(NO_EXAMPLE)
    trainings.get_knowledge(session, lock=True)
    session.execute(delete(TaughtExample).where(col(TaughtExample.key).in_(wanted)))
    session.add_all(
        TaughtExample(intent=intent, text=text, key=one, created_by=actor, created_at=now)
        for one, text in wanted.items()
    )
    told = {"texts": len(wanted)}
    audit.note(
        session, actor=actor, action="intent.taught", noun="intent", noun_id=intent, now=now, changes=told
    )
    _changed(session, actor, now)
    return len(wanted)


def forget(session: Session, example_id: UUID, actor: str, now: datetime) -> None:
    """Have the bot unlearn one; nothing happens if somebody else was faster."""
    trainings.get_knowledge(session, lock=True)
    gone = delete(TaughtExample).where(col(TaughtExample.id) == example_id)
    intents = session.execute(gone.returning(col(TaughtExample.intent))).scalars().all()
    for intent in intents:
        audit.note(session, actor=actor, action="intent.untaught", noun="intent", noun_id=intent, now=now)
        _changed(session, actor, now)


def list_taught(session: Session, limit: int = 500) -> Sequence[TaughtExample]:
    """What was taught, newest first."""
    return session.exec(select(TaughtExample).order_by(col(TaughtExample.id).desc()).limit(limit)).all()


def find_taught_intents(session: Session, texts: Sequence[str]) -> dict[str, str]:
    """By key: the intent that each of these texts was taught to mean."""
    query = select(TaughtExample.key, TaughtExample.intent)
    return dict(session.exec(query.where(col(TaughtExample.key).in_([key(text) for text in texts]))).all())


def taught_texts(session: Session) -> dict[str, list[str]]:
    """The texts of each intent, for training."""
    found: dict[str, list[str]] = {}
    for one in session.exec(select(TaughtExample).order_by(col(TaughtExample.id))):
        found.setdefault(one.intent, []).append(one.text)
    return found


def _changed(session: Session, actor: str, now: datetime) -> None:
    knowledge = trainings.get_knowledge(session)
    knowledge.version += 1
    session.add(knowledge)
    trainings.ask(session, actor, now)
