"""An import of FAQ entries: what a file would change, kept until somebody has it done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, delete, insert
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit, trainings
from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, Database, UtcDateTime, new_id
from crm_store.faq import FaqAnswer, FaqEntry, FaqPhrasing, find_entries, wholes
from crm_store.faq_edits import Draft, change, rows_of
from crm_store.faq_files import Table, merged, read_table
from crm_store.messages import NotFound

KEPT = timedelta(days=1)
_PIECE = 200  # entries in one transaction: nobody else waits longer for it
MOST_EXPORTED = 100_000


class FaqImport(SQLModel, table=True):
    """A file that was read: its drafts, and how many are new, changed, unchanged or faulty."""

    __tablename__ = "faq_imports"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    file: str = Field(sa_column=Column(CleanText, nullable=False))
    made_by: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    drafts: list[Any] = Field(sa_column=Column(CleanJson, nullable=False))  # new and changed ones
    summary: dict[str, Any] = Field(sa_column=Column(CleanJson, nullable=False))


@dataclass(slots=True)
class _Plan:
    new: list[Draft] = field(default_factory=list)
    changed: list[Draft] = field(default_factory=list)
    unchanged: int = 0


def prepare(database: Database, text: str, file: str, actor: str, now: datetime) -> FaqImport:
    """Read a file and compare it with the rows; nothing is changed yet. `BadTable` if it is no table."""
    with database.reading() as session:
        known = _known_phrasings(session)
        names = set(session.exec(select(FaqEntry.name)))
        table = read_table(text, known, names)
        plan = _plan(session, table)
    found = FaqImport(
        file=file[:200],
        made_by=actor,
        created_at=now,
        drafts=[draft.to_json() for draft in (*plan.new, *plan.changed)],
        summary={
            "rows": table.rows,
            "new": [draft.name for draft in plan.new[:50]],
            "changed": [draft.name for draft in plan.changed[:50]],
            "counts": [len(plan.new), len(plan.changed), plan.unchanged, len(table.faults)],
            "faults": [[fault.line, fault.said] for fault in table.faults[:100]],
        },
    )
    with database.writing() as session:
        session.execute(delete(FaqImport).where(col(FaqImport.created_at) < now - KEPT))
        session.add(found)
    return found


def get_import(session: Session, import_id: UUID) -> FaqImport:
    """The import; NotFound if there is none, or not any more."""
    found = session.get(FaqImport, import_id)
    if found is None:
        raise NotFound("there is no such import, or it was done or a day ago")
    return found


def apply(database: Database, import_id: UUID, actor: str, now: datetime) -> tuple[int, int]:
    """Do it, a few entries a transaction, so that nobody waits long; doing it again changes nothing.

    How many entries are new and changed. The bot learns when all stand there.
    """
    with database.reading() as session:
        drafts = [Draft.from_json(value) for value in get_import(session, import_id).drafts]
    made = changed = 0
    for first in range(0, len(drafts), _PIECE):
        with database.writing() as session:
            new, other = _write(session, drafts[first : first + _PIECE], actor, now)
            made, changed = made + new, changed + other
    with database.writing() as session:
        trainings.ask(session, actor, now)
        counts = {"new": made, "changed": changed}
        audit.note(session, actor=actor, action="faq.imported", noun="faq", noun_id=import_id, now=now,
                   changes=counts)  # fmt: skip
        session.delete(get_import(session, import_id))
    return made, changed


def _known_phrasings(session: Session) -> dict[str, str]:
    query = select(FaqPhrasing.key, FaqEntry.name).join(
        FaqEntry, col(FaqEntry.id) == col(FaqPhrasing.entry_id)
    )
    return dict(session.exec(query).all())


def _plan(session: Session, table: Table) -> _Plan:
    plan, names = _Plan(), list(table.drafts)
    for first in range(0, len(names), _PIECE):
        part = names[first : first + _PIECE]
        known = {one.entry.name: one for one in wholes(session, list(find_entries(session, part).values()))}
        for name in part:
            draft = table.drafts[name]
            if name not in known:
                plan.new.append(draft)
                continue
            old = Draft.of(known[name])
            after = merged(old, draft, table.languages[name], table.columns)
            if after.digest() == old.digest():
                plan.unchanged += 1
            elif faults := after.faults():
                table.fail(name, faults)
            else:
                plan.changed.append(after)
    return plan


def _write(session: Session, drafts: Sequence[Draft], actor: str, now: datetime) -> tuple[int, int]:
    knowledge = change(session)
    known = find_entries(session, [draft.name for draft in drafts])
    ids = [entry.id for entry in known.values()]
    session.execute(delete(FaqPhrasing).where(col(FaqPhrasing.entry_id).in_(ids)))
    session.execute(delete(FaqAnswer).where(col(FaqAnswer.entry_id).in_(ids)))
    entries: list[dict[str, Any]] = []
    phrasings: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for draft in drafts:
        entry = known.get(draft.name)
        values = {
            "origin": "console", "titles": dict(draft.titles), "active": draft.active,
            "valid_from": draft.valid_from, "valid_until": draft.valid_until, "digest": draft.digest(),
            "taught": knowledge.version, "updated_at": now, "updated_by": actor,
        }  # fmt: skip
        if entry is None:
            entry_id = new_id()
            entries.append({"id": entry_id, "name": draft.name, "version": 1, "created_at": now, **values})
        else:
            entry_id = entry.id
            for name, value in values.items():
                setattr(entry, name, value)
            entry.version += 1
            session.add(entry)
        said, told = rows_of(entry_id, draft)
        phrasings += said
        answers += told
    for table, rows in ((FaqEntry, entries), (FaqPhrasing, phrasings), (FaqAnswer, answers)):
        if rows:
            session.execute(insert(table), rows)
    return len(entries), len(known)
