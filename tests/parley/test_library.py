"""The company's documents stand on the shelf as they are now, whoever has changed them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from sqlalchemy.exc import OperationalError

from crm_store import documents
from crm_store.db import Database
from crm_store.documents import Piece, Read
from nlu.documents.faults import Unreadable
from nlu.documents.passages import Passage
from nlu.documents.read import Reading
from nlu.project import Project
from parley import folder as folders
from parley import shelving as shelvings
from parley.folder import Folder
from parley.library import Library
from parley.shelving import Shelving
from tests.nlu.pdf_file import Pdf

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PROJECT = Project()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "documents"
    (found / "sub").mkdir(parents=True)
    (found / "sub" / "terms.md").write_text("# Returns\n\nWithin 7 days.\n", "utf-8")
    (found / "picture.png").write_bytes(b"\x89PNG")
    return found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelvings, "LOOK_SECONDS", 0.0)


def texts(shelving: Shelving) -> list[str]:
    return [one.text for one in shelving.look().passages]


def test_what_others_upload_replace_and_delete_is_on_the_shelf_at_the_next_look(
    database: Database, folder: Path
) -> None:
    shelving = Shelving(Library(folder, database), lambda: PROJECT)
    assert texts(shelving) == ["Within 7 days."]
    with database.writing() as session:
        one = documents.add(
            session, Read("a.pdf", 1, [Piece("", "Two years.", 3)], 3), "staff:ada", NOON
        ).id
    assert texts(shelving) == ["Two years.", "Within 7 days."]
    assert shelving.ready.passages[0].page == 3
    with database.writing() as session:
        documents.replace(session, one, 1, Read("a.pdf", 1, [Piece("", "Three years.")]), "staff:ada", NOON)
    assert texts(shelving)[0] == "Three years."
    with database.writing() as session:
        documents.remove(session, one, 2, "staff:ada", NOON)
    assert texts(shelving) == ["Within 7 days."]
    (folder / "care.csv").write_text("Tea,Keeps\nGreen,12 months\n", "utf-8")
    assert texts(shelving) == ["Tea: Green; Keeps: 12 months", "Within 7 days."]
    (folder / "sub" / "terms.md").unlink()
    assert texts(shelving) == ["Tea: Green; Keeps: 12 months"]


def test_while_the_database_is_away_the_shelf_stays_as_it_was(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(folder, database)
    shelving = Shelving(library, lambda: PROJECT)
    before = shelving.look()
    away = OperationalError("", None, Exception("gone"))

    def gone() -> None:
        raise away

    monkeypatch.setattr(library, "stamp", gone)
    assert shelving.look() is before


def test_who_asks_while_the_shelf_is_built_gets_the_one_from_before(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(folder, Database(sqlite_url))
    shelving = Shelving(library, lambda: PROJECT)
    before = shelving.look()
    begun, go_on = threading.Event(), threading.Event()
    stamp = library.stamp

    def slow() -> object:
        begun.set()
        assert go_on.wait(30)
        return stamp()

    monkeypatch.setattr(library, "stamp", slow)
    builder = threading.Thread(target=shelving.look)
    builder.start()
    assert begun.wait(30)
    assert shelving.look() is before
    go_on.set()
    builder.join()


def test_a_shelf_has_room_for_so_many_and_the_bots_own_answers_are_among_them(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelvings, "MOST_PASSAGES", 3)
    monkeypatch.setattr(shelvings, "_answers", lambda _: iter([Passage("FAQ", "", "Yes.")]))
    (folder / "many.md").write_text("\n".join(f"# T{n}\n\nText {n}." for n in range(9)), "utf-8")
    shelving = Shelving(Library(folder, Database(sqlite_url)), lambda: PROJECT)
    assert texts(shelving) == ["Text 0.", "Text 1.", "Yes."]


def test_a_file_of_the_folder_is_read_once_until_it_changes(folder: Path) -> None:
    read: list[str] = []

    def apart(name: str, data: bytes) -> Reading:
        read.append(name)
        if data == b"broken":
            raise Unreadable("broken")
        if data == b"later" and read.count(name) == 1:
            raise Unreadable("busy")
        return Reading(())

    for name in ("a.pdf", "broken.pdf", "later.pdf"):
        (folder / name).write_bytes(name.partition(".")[0].encode())
    found = Folder(folder, apart)
    for _ in range(3):
        list(found.passages(found.stamp()))
    # What could not be read for now is tried again, what is broken is not.
    assert sorted(read) == ["a.pdf", "broken.pdf", "later.pdf", "later.pdf"]
    (folder / "a.pdf").write_bytes(b"other bytes")
    list(found.passages(found.stamp()))
    assert read.count("a.pdf") == 2
    told = {one.name: one.reading for one in found.files()}
    assert told["broken.pdf"] == "broken"
    assert isinstance(told["sub/terms.md"], Reading)


def test_names_that_are_no_text_are_passed_over(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.md")).write_text("x", "utf-8")
    assert [name for name, _, _ in Folder(folder, lambda *_: Reading(())).stamp()] == ["sub/terms.md"]


def test_a_pdf_of_the_folder_is_read_with_its_pages(sqlite_url: str, folder: Path) -> None:
    (folder / "手册.pdf").write_bytes(Pdf([["购物手册"], ["茶具保修两年。"]]).write())
    (folder / "scan.pdf").write_bytes(Pdf([[]]).write())
    shelving = Shelving(Library(folder, Database(sqlite_url)), lambda: PROJECT)
    found = [(one.document, one.page) for one in shelving.look().passages]
    assert found == [("sub/terms.md", 0), ("手册.pdf", 1), ("手册.pdf", 2)]


def test_a_file_that_could_not_be_read_for_now_is_on_the_shelf_later(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.pdf").write_bytes(Pdf([["Two years."]]).write())
    library = Library(folder, Database(sqlite_url))
    shelving = Shelving(library, lambda: PROJECT)
    apart = library._folder._apart

    def busy(name: str, data: bytes) -> Reading:
        raise Unreadable("busy")

    monkeypatch.setattr(library._folder, "_apart", busy)
    assert texts(shelving) == ["Within 7 days."]
    monkeypatch.setattr(library._folder, "_apart", apart)
    assert texts(shelving) == ["Two years.", "Within 7 days."]
    before = shelving.ready
    assert shelving.look() is before


def test_a_file_that_may_not_be_read_keeps_no_other_from_the_shelf(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "closed.md").write_text("Secret.", "utf-8")
    library = Library(folder, Database(sqlite_url))
    shelving = Shelving(library, lambda: PROJECT)
    opened: Callable[..., IO[Any]] = Path.open
    with monkeypatch.context() as patch:  # Who runs tests as root may read everything.

        def denied(path: Path, *args: Any, **more: Any) -> IO[Any]:
            if path.name == "closed.md":
                raise PermissionError(13, "Permission denied")
            return opened(path, *args, **more)

        patch.setattr(Path, "open", denied)
        assert texts(shelving) == ["Within 7 days."]
    (found,) = [one for one in library.in_folder() if one.name == "closed.md"]
    assert found.fault == "closed"
    (folder / "closed.md").chmod(0o640)  # changes when it was changed, not what it says
    assert texts(shelving) == ["Secret.", "Within 7 days."]


def test_links_count_that_stay_within_the_folder_and_hidden_files_do_not(folder: Path) -> None:
    outside = folder.parent / "secret.txt"
    outside.write_text("secret", "utf-8")
    (folder / "out.txt").symlink_to(outside)
    (folder / "self.txt").symlink_to("/proc/self/environ")
    (folder / "..data").mkdir()
    (folder / "..data" / "care.md").write_text("Keep it dry.", "utf-8")
    (folder / "care.md").symlink_to(folder / "..data" / "care.md")
    (folder / "~$terms.docx").write_bytes(b"\x03ada")  # as Word keeps others out
    (folder / "._terms.docx").write_bytes(b"\0\5\x16\7")
    assert [name for name, _, _ in Folder(folder, lambda *_: Reading(())).stamp()] == [
        "care.md",
        "sub/terms.md",
    ]


def test_what_was_read_is_shown_while_another_file_is_read(folder: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(name: str, data: bytes) -> Reading:
        begun.set()
        assert go_on.wait(30)
        return Reading(())

    (folder / "a.pdf").write_bytes(b"x")
    found = Folder(folder, slow)
    assert found.read("sub/terms.md")
    reader = threading.Thread(target=found.read, args=["a.pdf"])
    reader.start()
    assert begun.wait(30)
    asker = threading.Thread(target=found.read, args=["sub/terms.md"], daemon=True)
    asker.start()
    asker.join(10)
    assert not asker.is_alive()
    go_on.set()
    reader.join()


def test_what_takes_long_to_be_read_comes_to_the_shelf_by_and_by(
    sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a document that was deleted is not drawn from while others are read."""
    monkeypatch.setattr(folders, "PATIENCE", 0.0)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"This is {name}.", "utf-8")
    database = Database(sqlite_url)
    with database.writing() as session:
        one = documents.add(
            session, Read("a.pdf", 1, [Piece("", "Two years.", 3)], 3), "staff:ada", NOON
        ).id
    shelving = Shelving(Library(folder, database), lambda: PROJECT)
    assert texts(shelving) == ["Two years.", "This is a.txt."]
    with database.writing() as session:
        documents.remove(session, one, 1, "staff:ada", NOON)
    assert texts(shelving) == ["This is a.txt.", "This is b.txt."]
    assert texts(shelving) == ["This is a.txt.", "This is b.txt.", "Within 7 days."]
    before = shelving.ready
    assert shelving.look() is before
