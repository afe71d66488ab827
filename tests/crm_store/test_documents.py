"""Documents that people have uploaded: kept whole or not at all, under names that stand once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_store import audit, documents
from crm_store.db import Database, new_id
from crm_store.documents import Piece, Read
from crm_store.messages import NotFound, Refused

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HANDBOOK = Read("Handbook.pdf", 3000, [Piece("退货", "七天\0", 1), Piece("保修", "两年", 3)], pages=3)


def keep(database: Database, read: Read = HANDBOOK) -> UUID:
    with database.writing() as session:
        return documents.add(session, read, "staff:ada", NOON).id


def test_a_document_is_kept_replaced_and_deleted_with_all_of_its_passages(database: Database) -> None:
    one = keep(database)
    other = keep(database, Read("terms.md", 9, [Piece("", "x")]))
    with database.reading() as session:
        found = documents.get_document(session, one)
        assert (found.name, found.bytes, found.pages, found.passages) == ("Handbook.pdf", 3000, 3, 2)
        assert documents.list_pieces(session, one, 0, 9) == [
            Piece("退货", "七天", 1),
            Piece("保修", "两年", 3),
        ]
        assert documents.list_pieces(session, one, 1, 1) == [Piece("保修", "两年", 3)]
        assert documents.count_read_pages(session, one) == 2
        before = documents.versions(session)
    with database.writing() as session:
        again = Read("Handbook 2.pdf", 1, [Piece("", "三年", 1)], pages=1)
        documents.replace(session, one, 1, again, "staff:sue", NOON)
    with database.reading() as session:
        assert documents.versions(session) != before
        assert documents.all_pieces(session) == [
            ("Handbook 2.pdf", Piece("", "三年", 1)),
            ("terms.md", Piece("", "x")),
        ]
        found = documents.get_document(session, one)
        assert (found.added_by, found.replaced_by, found.version) == ("staff:ada", "staff:sue", 2)
    with database.writing() as session:
        assert documents.remove(session, one, 2, "staff:ada", NOON) == "Handbook 2.pdf"
    with database.reading() as session:
        assert [entry.id for entry in documents.list_documents(session)] == [other]
        assert documents.all_pieces(session) == [("terms.md", Piece("", "x"))]
        told = [entry.action for entry in audit.list_entries(session, noun_id=str(one))]
        with pytest.raises(NotFound):
            documents.get_document(session, one)
    assert told == ["document.deleted", "document.replaced", "document.added"]


def test_what_somebody_else_has_changed_meanwhile_is_not_touched(database: Database) -> None:
    one = keep(database)
    with database.writing() as session:
        documents.replace(session, one, 1, HANDBOOK, "staff:sue", NOON)
    for deed in (
        lambda session: documents.replace(session, one, 1, HANDBOOK, "staff:ada", NOON),
        lambda session: documents.remove(session, one, 1, "staff:ada", NOON),
        lambda session: documents.remove(session, new_id(), 1, "staff:ada", NOON),
    ):
        with pytest.raises(Refused, match="meanwhile"), database.writing() as session:
            deed(session)


def test_a_name_stands_once_however_it_is_written(database: Database) -> None:
    keep(database)
    other = keep(database, Read("terms.md", 9, [Piece("", "x")]))
    again = Read(" handbook.PDF ", 1, HANDBOOK.pieces)
    with pytest.raises(Refused, match="this name already"):
        keep(database, again)
    with pytest.raises(Refused, match="this name already"), database.writing() as session:
        documents.replace(session, other, 1, again, "staff:ada", NOON)
    for name in ("", " ", "a" * 121):
        with pytest.raises(Refused, match="needs a name"):
            keep(database, Read(name, 1, HANDBOOK.pieces))


def test_there_is_an_end_to_documents_and_passages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_PASSAGES", 4)
    one = keep(database)
    keep(database, Read("b.md", 1, HANDBOOK.pieces))
    with pytest.raises(Refused, match="passages"):
        keep(database, Read("c.md", 1, [Piece("", "x")]))
    more = Read("Handbook.pdf", 1, [Piece("", "x")] * 3)
    with pytest.raises(Refused, match="passages"), database.writing() as session:
        documents.replace(session, one, 1, more, "staff:ada", NOON)
    with database.writing() as session:
        documents.replace(session, one, 1, HANDBOOK, "staff:ada", NOON)  # Its own do not count twice.
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 2)
    with pytest.raises(Refused, match="documents are kept"):
        keep(database, Read("d.md", 1, []))


def test_of_two_who_add_the_same_name_at_once_one_is_told(database: Database) -> None:
    told: list[str] = []
    both = threading.Barrier(2)

    def add() -> None:
        both.wait()
        try:
            keep(database)
            told.append("kept")
        except Refused as error:
            told.append(str(error))

    threads = [threading.Thread(target=add) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(told) == sorted(["kept", documents.NAME_TAKEN])
