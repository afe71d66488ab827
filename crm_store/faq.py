"""FAQ entries: questions in several phrasings, and their answers by language and channel.

The rows are their one home. Those of origin "project" repeat what the bot's files say and are not edited
here; those of origin "console" are people's own. How they change stands in `faq_edits`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, Column, ColumnElement, Index, Text, cast, exists, func
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id
from crm_store.messages import NotFound
from crm_store.wording import key

Origin = Literal["project", "console"]


class FaqEntry(SQLModel, table=True):
    """One question with its answer. `version` counts its edits, `taught` says which edits a model needs."""

    __tablename__ = "faq_entries"
    __table_args__ = ({"info": NOT_PERSONAL},)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))  # "faq/opening_hours"
    origin: Origin = Field(sa_column=Column(CleanText, nullable=False))
    titles: dict[str, str] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    active: bool = True
    valid_from: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    valid_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    version: int = 1
    # The `Knowledge.version` at which its phrasings last changed: a model of that version knows them.
    taught: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    digest: str = Field(default="", sa_column=Column(CleanText, nullable=False))  # of all that it says
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_by: str = Field(sa_column=Column(CleanText, nullable=False))

    def is_valid(self, now: datetime) -> bool:
        """Whether it may answer now: it is active, and within its dates."""
        begun = self.valid_from is None or self.valid_from <= now
        return self.active and begun and (self.valid_until is None or now < self.valid_until)

    def is_learned(self, version: int) -> bool:
        """Whether a model of this `Knowledge.version` knows its phrasings as they are."""
        return self.origin == "project" or self.taught <= version


class FaqPhrasing(SQLModel, table=True):
    """One way to ask. `key` is what it shares with texts that say the same in the same words."""

    __tablename__ = "faq_phrasings"
    __table_args__ = (
        Index("ix_faq_phrasings_entry", "entry_id", "position"),
        Index("ix_faq_phrasings_key", "key"),
        {"info": NOT_PERSONAL},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    entry_id: UUID = Field(foreign_key="faq_entries.id")
    position: int
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    language: str = Field(sa_column=Column(CleanText, nullable=False))  # "zh", "en", "": cannot be told
    key: str = Field(sa_column=Column(CleanText, nullable=False))


class FaqAnswer(SQLModel, table=True):
    """One wording of the answer, for a language ("": any) and a channel ("": all)."""

    __tablename__ = "faq_answers"
    __table_args__ = (
        Index("ix_faq_answers_entry", "entry_id", "position"),
        {"info": NOT_PERSONAL},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    entry_id: UUID = Field(foreign_key="faq_entries.id")
    position: int
    language: str = Field(sa_column=Column(CleanText, nullable=False))
    channel: str = Field(sa_column=Column(CleanText, nullable=False))
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    # What else it says, as a response of the domain has it: buttons, image, attachment, custom, conditions.
    more: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording of an answer, without its row."""

    text: str
    language: str = ""
    channel: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """An entry with all that belongs to it."""

    entry: FaqEntry
    phrasings: tuple[FaqPhrasing, ...]
    answers: tuple[FaqAnswer, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; what is empty does not narrow."""

    words: str = ""  # in a phrasing, an answer, a title or the name
    origin: str = ""
    language: str = ""  # with an answer in it
    active: bool | None = None


def get_entry(session: Session, entry_id: UUID, *, lock: bool = False) -> FaqEntry:
    """The entry; NotFound if there is none."""
    query = select(FaqEntry).where(col(FaqEntry.id) == entry_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"there is no FAQ entry {entry_id}")
    return found


def find_entry(session: Session, name: str) -> FaqEntry | None:
    """The entry of that name."""
    return session.exec(select(FaqEntry).where(col(FaqEntry.name) == name)).one_or_none()


def find_entries(session: Session, names: Collection[str]) -> dict[str, FaqEntry]:
    """Those of these names that there are."""
    found = session.exec(select(FaqEntry).where(col(FaqEntry.name).in_(names)))
    return {entry.name: entry for entry in found}


def get_whole(session: Session, entry_id: UUID) -> Whole:
    """The entry with its phrasings and answers; NotFound if there is none."""
    return wholes(session, [get_entry(session, entry_id)])[0]


def wholes(session: Session, entries: Sequence[FaqEntry]) -> list[Whole]:
    """These entries with their phrasings and answers, in two queries."""
    ids = [entry.id for entry in entries]
    phrasings: dict[UUID, list[FaqPhrasing]] = {one: [] for one in ids}
    answers: dict[UUID, list[FaqAnswer]] = {one: [] for one in ids}
    for part in (ids[i : i + 500] for i in range(0, len(ids), 500)):
        said = select(FaqPhrasing).where(col(FaqPhrasing.entry_id).in_(part))
        for phrasing in session.exec(said.order_by(col(FaqPhrasing.position))):
            phrasings[phrasing.entry_id].append(phrasing)
        for answer in list_answers(session, part):
            answers[answer.entry_id].append(answer)
    return [Whole(e, tuple(phrasings[e.id]), tuple(answers[e.id])) for e in entries]


def list_answers(session: Session, entry_ids: Collection[UUID]) -> Sequence[FaqAnswer]:
    """The answers of these entries in their order."""
    query = select(FaqAnswer).where(col(FaqAnswer.entry_id).in_(entry_ids))
    return session.exec(query.order_by(col(FaqAnswer.position))).all()


def first_phrasings(session: Session, entry_ids: Collection[UUID]) -> dict[UUID, str]:
    """The first phrasing of each entry."""
    query = select(FaqPhrasing.entry_id, FaqPhrasing.text).where(
        col(FaqPhrasing.entry_id).in_(entry_ids), col(FaqPhrasing.position) == 0
    )
    return dict(session.exec(query).all())


def list_entries(
    session: Session, wanted: Filter = Filter(), *, after: str = "", limit: int = 50
) -> Sequence[FaqEntry]:
    """Entries behind the name `after`, in the order of their names."""
    query = select(FaqEntry).where(*_conditions(wanted))
    if after:
        query = query.where(col(FaqEntry.name) > after)
    return session.exec(query.order_by(col(FaqEntry.name)).limit(limit)).all()


def count_entries(session: Session, wanted: Filter = Filter()) -> int:
    """How many entries there are."""
    return session.exec(select(func.count()).select_from(FaqEntry).where(*_conditions(wanted))).one()


def list_own(session: Session) -> Sequence[FaqEntry]:
    """All entries that people have made, active or not, in the order of their names."""
    query = select(FaqEntry).where(col(FaqEntry.origin) == "console")
    return session.exec(query.order_by(col(FaqEntry.name))).all()


def own_phrasings(session: Session) -> dict[str, list[str]]:
    """What is to be taught besides the project's own: the phrasings of each entry that people have made.

    An entry that is not active has none, so that the project's entry of the same name is left out, too.
    """
    found: dict[str, list[str]] = {entry.name: [] for entry in list_own(session)}
    query = select(FaqEntry.name, FaqPhrasing.text).join(
        FaqPhrasing, col(FaqPhrasing.entry_id) == col(FaqEntry.id)
    )
    query = query.where(col(FaqEntry.origin) == "console", col(FaqEntry.active))
    for name, text in session.exec(query.order_by(col(FaqEntry.name), col(FaqPhrasing.position))):
        found[name].append(text)
    return found


def find_doubles(
    session: Session, phrasings: Sequence[str], but: UUID | None = None
) -> list[tuple[str, FaqEntry]]:
    """Which of these phrasings other active entries have already, word for word."""
    keys = {key(text): text for text in phrasings}
    query = select(FaqPhrasing.key, FaqEntry).join(FaqEntry, col(FaqEntry.id) == col(FaqPhrasing.entry_id))
    found = []
    wanted = list(keys)
    for part in (wanted[i : i + 500] for i in range(0, len(wanted), 500)):
        rows = session.exec(query.where(col(FaqPhrasing.key).in_(part), col(FaqEntry.active)))
        found += [(keys[one], entry) for one, entry in rows if entry.id != but]
    return found


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.origin:
        found.append(col(FaqEntry.origin) == wanted.origin)
    if wanted.active is not None:
        found.append(col(FaqEntry.active).is_(wanted.active))
    answered = col(FaqAnswer.entry_id) == col(FaqEntry.id)
    if wanted.language:
        found.append(exists().where(answered, col(FaqAnswer.language) == wanted.language))
    if words := wanted.words.strip():
        asked = col(FaqPhrasing.entry_id) == col(FaqEntry.id)
        found.append(
            col(FaqEntry.name).icontains(words, autoescape=True)
            | cast(col(FaqEntry.titles), Text).icontains(words, autoescape=True)
            | exists().where(asked, col(FaqPhrasing.key).contains(key(words), autoescape=True))
            | exists().where(answered, col(FaqAnswer.text).icontains(words, autoescape=True))
        )
    return found
