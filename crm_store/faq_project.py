"""The entries of the bot's project, as rows that are only read: at start, when they have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from crm_store.db import new_id
from crm_store.faq import FaqAnswer, FaqEntry, FaqPhrasing
from crm_store.faq_edits import Draft, change, rows_of
from crm_store.trainings import get_knowledge


def digest_of(drafts: Mapping[str, Draft]) -> str:
    """Changes when anything in the project's entries does."""
    said = "".join(f"{name}\n{draft.digest()}\n" for name, draft in sorted(drafts.items()))
    return hashlib.sha256(said.encode()).hexdigest()


def import_project(session: Session, drafts: Mapping[str, Draft], now: datetime) -> bool:
    """Have the rows say what the project says; False if they do. Those taken over by people stay theirs."""
    wanted = digest_of(drafts)
    if get_knowledge(session, lock=True).project == wanted:
        return False
    knowledge = change(session)
    knowledge.project = wanted
    columns = (FaqEntry.name, FaqEntry.id, FaqEntry.origin, FaqEntry.digest)
    known = {
        name: (entry_id, origin, said) for name, entry_id, origin, said in session.exec(select(*columns))
    }
    ids = {
        name: entry_id
        for name, (entry_id, origin, said) in known.items()
        if origin == "project" and (name not in drafts or drafts[name].digest() != said)
    }
    _drop(session, list(ids.values()))
    for name, draft in drafts.items():
        if name not in known or name in ids:
            _insert(session, ids.get(name) or new_id(), name, draft, now)
    return True


def _insert(session: Session, entry_id: UUID, name: str, draft: Draft, now: datetime) -> None:
    # Entry by entry: all rows of a project at once would stay in the server's memory.
    entry = {
        "id": entry_id, "name": name, "origin": "project", "active": True, "version": 1, "taught": 0,
        "titles": dict(draft.titles), "digest": draft.digest(), "updated_by": "project",
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    phrasings, answers = rows_of(entry_id, draft)
    for table, rows in ((FaqEntry, [entry]), (FaqPhrasing, phrasings), (FaqAnswer, answers)):
        if rows:
            session.execute(insert(table), rows)


def _drop(session: Session, ids: list[UUID]) -> None:
    session.execute(delete(FaqPhrasing).where(col(FaqPhrasing.entry_id).in_(ids)))
    session.execute(delete(FaqAnswer).where(col(FaqAnswer.entry_id).in_(ids)))
    session.execute(delete(FaqEntry).where(col(FaqEntry.id).in_(ids)))
