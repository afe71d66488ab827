"""What customers asked and nobody answered: written by the turn that failed, until an entry answers it.

Texts come in without phone numbers and the like; what is left goes with the customer's data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, Index, Text, bindparam, func, literal_column, text, update
from sqlalchemy import select as select_rows
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanText, UtcDateTime, new_id
from crm_store.statements import Rows
from crm_store.wording import key

_OPEN = text("state = 'open'")
_LOOSE = text("state = 'open' AND cluster IS NULL")
_IS_OPEN = literal_column("'open'", Text)
KEPT_DAYS = 90  # older questions are not shown any more
LONGEST = 300  # characters of a question
MOST_CLUSTERED = 10_000  # different questions that are put together; the least asked rest stands alone
MOST_WORDINGS = 30


class Unanswered(SQLModel, table=True):
    """One question, and why it counts as unanswered."""

    __tablename__ = "unanswered"
    __table_args__ = (
        Index("uq_unanswered_message", "message_id", unique=True),
        Index("ix_unanswered_open", "key", "asked_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_unanswered_loose", "asked_at", sqlite_where=_LOOSE, postgresql_where=_LOOSE),
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
    # What questions share that ask for the same in other words; None: not looked at yet.
    cluster: str | None = Field(default=None, sa_column=Column(CleanText))


@dataclass(frozen=True, slots=True)
class Group:
    """A question that was asked once or often, in the same words or in others."""

    key: str  # of its cluster, else of its words
    text: str  # as it was asked most often
    count: int
    wordings: tuple[str, ...]  # all of them, those asked most often first; at most `MOST_WORDINGS`
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
        question = " ".join(row["text"].split())[:LONGEST]  # A phrasing is a line.
        if question:
            told = {"state": "open", "label": None, "cluster": None}
            found.append(row | told | {"id": new_id(), "text": question, "key": key(question)})
    _NOTE.write(session, found)


def note_picked(session: Session, conversation_ids: Collection[UUID]) -> None:
    """The customers have picked one of the things that were asked back: their questions were answered."""
    if conversation_ids:
        mine = col(Unanswered.conversation_id).in_(conversation_ids)
        asked = (mine, _open(), col(Unanswered.why) == "ask_back")
        session.execute(update(Unanswered).where(*asked).values(state="picked"))


def list_groups(session: Session, now: datetime, *, skip: int = 0, limit: int = 50) -> list[Group]:
    """Open questions of the last ninety days, the most asked first, those that ask for the same as one."""
    times, last = func.count().label("times"), func.max(col(Unanswered.asked_at)).label("last")
    query = select(_mark(), times).where(_open(), _recent(now)).group_by(_mark())
    query = query.order_by(times.desc(), last.desc(), _mark()).offset(skip).limit(limit)
    counts = dict(session.exec(query).all())
    wordings: dict[str, list[_Wording]] = {}
    for mark, *told in session.execute(_wordings(_open(), _recent(now), _mark().in_(counts))):
        wordings.setdefault(mark, []).append(_Wording(*told))
    return [_group(mark, wordings[mark], counts[mark]) for mark in counts if mark in wordings]


def count_groups(session: Session, now: datetime) -> int:
    """How many different questions are open."""
    distinct = func.count(_mark().distinct())
    return session.exec(select(distinct).where(_open(), _recent(now))).one()


def find_group(session: Session, question: str, now: datetime) -> list[Unanswered]:
    """The questions of one wording, newest first, at most twenty."""
    query = select(Unanswered).where(_open(), col(Unanswered.key) == question, _recent(now))
    return list(session.exec(query.order_by(col(Unanswered.asked_at).desc()).limit(20)))


def has_unclustered(session: Session, now: datetime) -> bool:
    """Whether a question came that was not put to others that ask for the same yet."""
    query = select(Unanswered.id).where(_open(), _recent(now), col(Unanswered.cluster).is_(None))
    return session.exec(query.limit(1)).first() is not None


def questions(session: Session, now: datetime) -> list[tuple[str, str, int]]:
    """Key, text and number of each open question, the most asked first: to be put together."""
    times = func.count()
    query = select(Unanswered.key, func.min(col(Unanswered.text)), times).where(_open(), _recent(now))
    query = query.group_by(col(Unanswered.key)).order_by(times.desc(), col(Unanswered.key))
    return [(key, text, count) for key, text, count in session.exec(query)]


def note_clusters(session: Session, clusters: Mapping[str, str]) -> None:
    """Write down, by key, the cluster of open questions."""
    rows = [{"of_key": one, "named": cluster} for one, cluster in clusters.items()]
    if not rows:
        return
    mine = update(_TABLE).where(
        _TABLE.c.state == _IS_OPEN,
        _TABLE.c.key == bindparam("of_key"),
        _TABLE.c.cluster.is_distinct_from(bindparam("named")),
    )
    session.connection().execute(mine.values(cluster=bindparam("named")), rows)


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


def _mark() -> Any:
    return func.coalesce(col(Unanswered.cluster), col(Unanswered.key))


class _Wording(NamedTuple):
    """What was asked in the same words, as it was asked last."""

    times: int
    asked_at: datetime
    text: str
    conversation_id: UUID
    why: str
    language: str
    label: str | None


def _wordings(*where: Any) -> Any:
    same = [_mark(), col(Unanswered.key)]
    last = [_TABLE.c.asked_at.desc(), _TABLE.c.id.desc()]
    each = select_rows(
        _mark().label("mark"),
        func.count().over(partition_by=same).label("times"),
        *(_TABLE.c[name] for name in _Wording._fields[1:]),
        func.row_number().over(partition_by=same, order_by=last).label("place"),
    )
    ranked = each.where(*where).subquery()
    return select_rows(*[column for column in ranked.c if column.name != "place"]).where(
        ranked.c.place == 1
    )


def _group(mark: str, wordings: Sequence[_Wording], count: int) -> Group:
    shown = sorted(wordings, key=lambda wording: wording[:3], reverse=True)[:MOST_WORDINGS]
    newest = max(wordings, key=lambda wording: wording.asked_at)
    return Group(
        mark,
        shown[0].text,
        count,
        tuple(wording.text for wording in shown),
        newest.asked_at,
        newest.conversation_id,
        newest.why,
        newest.language,
        shown[0].label,
    )
