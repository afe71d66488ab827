"""What the console is given of the company's documents: how files are read, and those of the folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crm_store.documents import Piece, Read


class Unread(Exception):
    """A file cannot be read. `fault`: `words.documents["fault_…"]`."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class InFolder:
    """A file of the folder that the settings name."""

    name: str  # its path within the folder
    bytes: int
    changed_at: datetime
    passages: int | None = None  # None: it was not read yet
    pages: int = 0
    fault: str = ""


class Library(Protocol):
    """Calls block for some seconds: for worker threads, outside of any transaction."""

    @property
    def endings(self) -> Sequence[str]:
        """Of the files that can be read, as in ".pdf"."""

    @property
    def largest(self) -> int:
        """Bytes of a file."""

    def read(self, name: str, data: bytes) -> Read:
        """A file that was uploaded; Unread if it is no document."""

    def in_folder(self) -> Sequence[InFolder]:
        """The files of the folder, as far as they are known."""

    def read_in_folder(self, name: str) -> tuple[InFolder, Sequence[Piece]]:
        """One of them, read; NotFound if there is none."""
