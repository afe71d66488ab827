"""The company's documents, which a language model may draw from: seen by many, kept by admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from unicodedata import normalize
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response

from console import drawing
from console.library import Library, Unread
from console.routing import Routes
from console.visits import Visit, number_of
from crm_store import documents
from crm_store.documents import Read
from crm_store.messages import NotFound, Refused

routes = Routes()
HERE = "/console/documents"
SHOWN = 50  # passages of a page
MOST_AT_ONCE = 20  # files of one form
LONGEST_FORM = 150.0  # seconds, after which no other file of a form is begun
LARGEST_FORM = 40 * 1024 * 1024  # bytes of them together


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an uploaded file. `why`: what to say if it was not kept."""

    name: str
    why: str = ""


@routes.page(HERE, right="faq")
def list_documents(visit: Visit) -> Response:
    """All documents: those that were uploaded, and those of the folder."""
    return _list(visit)


@routes.deed(HERE, right="documents")
def upload(visit: Visit) -> Response:
    """Keep files. A script sends them one by one, and gets the line that tells what became of each."""
    files = [one for one in visit.form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    until = monotonic() + LONGEST_FORM
    outcomes = [
        _kept(visit, one)
        if place < MOST_AT_ONCE and monotonic() < until
        else Outcome(_name(one), visit.word("documents.too_many"))
        for place, one in enumerate(files)
    ]
    refused = [one for one in outcomes if one.why]
    if visit.by_script:
        part = visit.part("documents/outcomes.html", outcomes=outcomes)
        return HTMLResponse(part, 422 if refused else 200)
    if not refused and files:
        return visit.go(HERE, "documents.added", count=len(files))
    return _list(visit, outcomes, status=422, nothing=not files)


@routes.page(HERE + "/folder", right="faq")
def show_in_folder(visit: Visit) -> Response:
    """The text of a file of the folder."""
    found, pieces = _library(visit).read_in_folder(visit.query.get("name", ""))
    skip = _skip(visit)
    return visit.draw(
        "documents/in_folder.html",
        found=found,
        pieces=pieces[skip : skip + SHOWN],
        skip=skip,
        more=len(pieces) > skip + SHOWN,
    )


@routes.page(HERE + "/{id}", right="faq")
def show_document(visit: Visit) -> Response:
    """The text that was read of an uploaded document."""
    return _document(visit)


@routes.deed(HERE + "/{id}/replace", right="documents")
def replace(visit: Visit) -> Response:
    """Put another file in its place."""
    file = visit.file("file")
    if file is None:
        return _document(visit, visit.word("documents.nothing_chosen"))
    try:
        read = _read(visit, file, visit.id())
        with visit.database.writing() as session:
            documents.replace(session, visit.id(), _version(visit), read, visit.actor, visit.now)
    except (Unread, Refused) as error:
        return _document(visit, _why(visit, error))
    return visit.go(f"{HERE}/{visit.id()}", "documents.replaced")


@routes.deed(HERE + "/{id}/delete", right="documents")
def delete(visit: Visit) -> Response:
    """Delete it."""
    try:
        with visit.database.writing() as session:
            name = documents.remove(session, visit.id(), _version(visit), visit.actor, visit.now)
    except Refused as error:
        return _document(visit, _why(visit, error))
    return visit.go(HERE, "documents.deleted", name=name)


def _list(
    visit: Visit, outcomes: Sequence[Outcome] = (), *, status: int = 200, nothing: bool = False
) -> Response:
    library = _library(visit)
    in_folder = library.in_folder()
    with visit.database.reading() as session:
        kept = documents.list_documents(session)
    return visit.draw(
        "documents/list.html",
        status=status,
        kept=kept,
        in_folder=in_folder,
        outcomes=outcomes,
        nothing=nothing,
        library=library,
        passages=sum(one.passages for one in kept),
        most=documents.MOST_PASSAGES,
        largest_form=LARGEST_FORM,
        at_once=MOST_AT_ONCE,
    )


def _document(visit: Visit, fault: str = "") -> Response:
    skip = _skip(visit)
    with visit.database.reading() as session:
        found = documents.get_document(session, visit.id())
        pieces = documents.list_pieces(session, found.id, skip, SHOWN + 1)
        read_pages = documents.count_read_pages(session, found.id) if found.pages else 0
    return visit.draw(
        "documents/document.html",
        status=422 if fault else 200,
        fault=fault,
        found=found,
        pieces=pieces[:SHOWN],
        skip=skip,
        more=len(pieces) > SHOWN,
        unread_pages=found.pages - read_pages,
        library=_library(visit),
    )


def _kept(visit: Visit, file: UploadFile) -> Outcome:
    try:
        read = _read(visit, file)
        with visit.database.writing() as session:
            documents.add(session, read, visit.actor, visit.now)
    except (Unread, Refused) as error:
        return Outcome(_name(file), _why(visit, error))
    return Outcome(read.name)


def _read(visit: Visit, file: UploadFile, own: UUID | None = None) -> Read:
    library = _library(visit)
    with visit.database.reading() as session:
        documents.check_name(session, _name(file), own)  # Nobody waits for a reading to be told that.
    return library.read(_name(file), file.file.read(library.largest + 1))


def _why(visit: Visit, error: Exception) -> str:
    if isinstance(error, Unread):
        return visit.word(f"documents.fault_{error.fault}")
    return drawing.reason_in(visit.language, str(error))


def _name(file: UploadFile) -> str:
    """The file's own name, without folders and what no name has."""
    last = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    bare = " ".join("".join(one if one.isprintable() else " " for one in last).split())
    return normalize("NFC", bare)  # Macs take letters of Korean and those with accents apart.


def _version(visit: Visit) -> int:
    return number_of(visit.text("version")) or 0


def _skip(visit: Visit) -> int:
    return number_of(visit.query.get("from", "")) or 0


def _library(visit: Visit) -> Library:
    if visit.host.library is None:
        raise NotFound("no documents are kept here")
    return visit.host.library
