"""The company's documents: the folder's and those that were uploaded, for the console and for the shelf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from console.library import InFolder, Unread
from crm_store import documents
from crm_store.db import Database
from crm_store.documents import Piece, Read
from crm_store.messages import NotFound
from nlu.documents.faults import LARGEST, Unreadable
from nlu.documents.passages import Passage
from nlu.documents.read import READERS, Reading
from parley import folder
from parley.folder import File, Folder
from parley.reading import Reader

Stamp = tuple[folder.Stamp, tuple[tuple[UUID, int], ...]]


class Library:
    """All documents. Calls block, some for as long as a file takes to be read."""

    endings: Sequence[str] = tuple(READERS)
    largest = LARGEST

    def __init__(self, path: Path | None, database: Database, reader: Reader | None = None) -> None:
        """`path`: of the folder, if there is one."""
        self._database = database
        self._reader = reader or Reader()
        self._folder = Folder(path, self._reader.read)

    def stop(self) -> None:
        """End what is being read."""
        self._reader.stop()

    def read(self, name: str, data: bytes) -> Read:
        """A file that was uploaded; Unread if it is no document."""
        try:
            found = self._reader.read(name, data)
        except Unreadable as error:
            raise Unread(error.fault) from None
        return Read(name, len(data), _pieces(found), found.pages)

    def in_folder(self) -> Sequence[InFolder]:
        """The files of the folder, as far as they are known; none while they are being replaced."""
        try:
            return [_shown(one) for one in self._folder.files()]
        except OSError:
            return []

    def read_in_folder(self, name: str) -> tuple[InFolder, Sequence[Piece]]:
        """One of them, read; NotFound if there is none."""
        try:
            found = self._folder.read(name)
        except OSError:
            found = None
        if found is None:
            raise NotFound("there is no such file in the folder")
        return _shown(found), _pieces(found.reading) if isinstance(found.reading, Reading) else ()

    @property
    def waits(self) -> bool:
        """Whether, of the passages that were asked for last, some will be there later."""
        return self._folder.waits

    def stamp(self) -> Stamp:
        """What differs whenever anything has changed. OSError, and what a database raises."""
        with self._database.reading() as session:
            return self._folder.stamp(), documents.versions(session)

    def passages(self, stamp: Stamp) -> Iterator[Passage]:
        """Of all documents; the uploaded ones come first."""
        with self._database.reading() as session:
            kept = documents.all_pieces(session)
        for name, piece in kept:
            yield Passage(name, piece.title, piece.text, piece.page)
        yield from self._folder.passages(stamp[0])


def _pieces(reading: Reading) -> list[Piece]:
    return [Piece(one.title, one.text, one.page) for one in reading.passages]


def _shown(file: File) -> InFolder:
    if isinstance(file.reading, Reading):
        found = file.reading
        return InFolder(file.name, file.bytes, file.changed_at, len(found.passages), found.pages)
    return InFolder(file.name, file.bytes, file.changed_at, fault=file.reading or "")
