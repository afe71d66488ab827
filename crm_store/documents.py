"""Documents that people have uploaded: what was read of them, in passages. The files are not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID

from sqlalchemy import Column, delete, insert
from sqlmodel import Field, Session, SQLModel, col, func, select

from crm_store import audit
from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, exclusive, new_id
from crm_store.messages import NotFound, Refused, clean

MOST_DOCUMENTS = 500
MOST_PASSAGES = 2000  # of all documents together: what they cost in memory and time is decision 0028
LONGEST_NAME = 120
NAME_TAKEN = "there is a document of this name already: open it to replace it"
MANY_DOCUMENTS = "500 documents are kept at most: delete some first"
MANY_PASSAGES = "all documents together may have 2,000 passages: delete some first, or split this one up"
BAD_NAME = "a document needs a name of at most 120 characters"
OUTDATED = "somebody else has replaced or deleted it meanwhile"
REASONS = (NAME_TAKEN, MANY_DOCUMENTS, MANY_PASSAGES, BAD_NAME, OUTDATED)


class Document(SQLModel, table=True):
    """One document. `pages` is 0 for kinds that have none."""

    __tablename__ = "documents"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False))  # of the file: what citations say
    folded_name: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))
    bytes: int  # of the file
    pages: int
    passages: int
    version: int = Field(default=1)  # grows when it is replaced
    added_by: str = Field(sa_column=Column(CleanText, nullable=False))
    added_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    replaced_by: str | None = Field(default=None, sa_column=Column(CleanText))
    replaced_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class DocumentPassage(SQLModel, table=True):
    """A passage of a document, in their order."""

    __tablename__ = "document_passages"
    __table_args__ = {"info": NOT_PERSONAL}

    document_id: UUID = Field(foreign_key="documents.id", primary_key=True)
    number: int = Field(primary_key=True)
    page: int
    title: str = Field(sa_column=Column(CleanText, nullable=False))
    text: str = Field(sa_column=Column(CleanText, nullable=False))


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage as it was read."""

    title: str
    text: str
    page: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was read."""

    name: str
    bytes: int
    pieces: Sequence[Piece]
    pages: int = 0


def add(session: Session, read: Read, actor: str, now: datetime) -> Document:
    """Keep a document; Refused if there is one of its name, or there are too many."""
    exclusive(session, "documents")
    count = session.exec(select(func.count()).select_from(Document)).one()
    if count >= MOST_DOCUMENTS:
        raise Refused(MANY_DOCUMENTS)
    made = Document(
        name=check_name(session, read.name), folded_name=fold(read.name), bytes=read.bytes,
        pages=read.pages, passages=len(read.pieces), added_by=actor, added_at=now,
    )  # fmt: skip
    _check_room(session, read, None)
    session.add(made)
    session.flush()
    _write(session, made, read.pieces)
    audit.note(session, actor=actor, action="document.added", noun="document", noun_id=made.id, now=now,
               changes={"name": made.name})  # fmt: skip
    return made


def replace(
    session: Session, document_id: UUID, version: int, read: Read, actor: str, now: datetime
) -> Document:
    """Put another file in the place of `version`; Refused if that is not the one any more."""
    exclusive(session, "documents")
    found = _locked(session, document_id, version)
    before = {"name": found.name, "passages": found.passages}
    name = check_name(session, read.name, document_id)
    _check_room(session, read, document_id)
    found.name, found.folded_name = name, fold(name)
    found.bytes, found.pages, found.passages = read.bytes, read.pages, len(read.pieces)
    found.version += 1
    found.replaced_by, found.replaced_at = actor, now
    session.add(found)
    _clear(session, document_id)
    _write(session, found, read.pieces)
    changes = {"from": before, "to": {"name": found.name, "passages": found.passages}}
    audit.note(session, actor=actor, action="document.replaced", noun="document", noun_id=document_id,
               now=now, changes=changes)  # fmt: skip
    return found


def remove(session: Session, document_id: UUID, version: int, actor: str, now: datetime) -> str:
    """Delete `version` of a document; Refused if that is not the one any more. Its name."""
    exclusive(session, "documents")
    found = _locked(session, document_id, version)
    _clear(session, document_id)
    session.delete(found)
    audit.note(session, actor=actor, action="document.deleted", noun="document", noun_id=document_id,
               now=now, changes={"name": found.name})  # fmt: skip
    return found.name


def list_documents(session: Session) -> Sequence[Document]:
    """All of them, by name."""
    return session.exec(select(Document).order_by(col(Document.folded_name))).all()


def get_document(session: Session, document_id: UUID) -> Document:
    """The document; NotFound if there is none."""
    found = session.get(Document, document_id)
    if found is None:
        raise NotFound("there is no such document")
    return found


def list_pieces(session: Session, document_id: UUID, skip: int, limit: int) -> list[Piece]:
    """Passages of a document, in their order."""
    query = select(DocumentPassage).where(col(DocumentPassage.document_id) == document_id)
    rows = session.exec(query.order_by(col(DocumentPassage.number)).offset(skip).limit(limit))
    return [Piece(row.title, row.text, row.page) for row in rows]


def count_read_pages(session: Session, document_id: UUID) -> int:
    """How many pages of a document have a text."""
    pages = func.count(func.distinct(col(DocumentPassage.page)))
    query = select(pages).where(col(DocumentPassage.document_id) == document_id)
    return session.exec(query).one()


def all_pieces(session: Session) -> list[tuple[str, Piece]]:
    """Every passage of every document, with the document's name."""
    rows = session.exec(
        select(
            col(Document.name),
            col(DocumentPassage.title),
            col(DocumentPassage.text),
            col(DocumentPassage.page),
        )
        .join(Document, col(Document.id) == col(DocumentPassage.document_id))
        .order_by(col(Document.folded_name), col(DocumentPassage.number))
    )
    return [(name, Piece(title, text, page)) for name, title, text, page in rows]


def versions(session: Session) -> tuple[tuple[UUID, int], ...]:
    """What differs whenever a document was added, replaced or deleted."""
    rows = session.exec(select(col(Document.id), col(Document.version)).order_by(col(Document.id)))
    return tuple((one, version) for one, version in rows)


def fold(name: str) -> str:
    """The form in which names are compared."""
    return normalize("NFC", clean(name).strip()).casefold()


def check_name(session: Session, name: str, own: UUID | None = None) -> str:
    """The name as it is kept; Refused if it is none, or that of another document than `own`."""
    if not fold(name) or len(name) > LONGEST_NAME:
        raise Refused(BAD_NAME)
    other = session.exec(select(Document.id).where(col(Document.folded_name) == fold(name))).first()
    if other is not None and other != own:
        raise Refused(NAME_TAKEN)
    return normalize("NFC", clean(name).strip())


def _check_room(session: Session, read: Read, own: UUID | None) -> None:
    query = select(func.coalesce(func.sum(col(Document.passages)), 0))
    others = session.exec(query.where(col(Document.id) != own) if own else query).one()
    if others + len(read.pieces) > MOST_PASSAGES:
        raise Refused(MANY_PASSAGES)


def _locked(session: Session, document_id: UUID, version: int) -> Document:
    query = select(Document).where(col(Document.id) == document_id).with_for_update()
    found = session.exec(query).one_or_none()
    if found is None or found.version != version:
        raise Refused(OUTDATED)
    return found


def _clear(session: Session, document_id: UUID) -> None:
    session.execute(delete(DocumentPassage).where(col(DocumentPassage.document_id) == document_id))


def _write(session: Session, document: Document, pieces: Sequence[Piece]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "document_id": document.id,
            "number": number,
            "page": one.page,
            "title": one.title,
            "text": one.text,
        }
        for number, one in enumerate(pieces)
    ]
    if rows:
        session.execute(insert(DocumentPassage), rows)
