"""Which way to read a file, by the ending of its name; what it takes is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from crm_store.messages import clean
from nlu.documents.faults import LARGEST, LONGEST_TEXT, MOST_PASSAGES, Unreadable
from nlu.documents.passages import Passage, Section, cut

# By ending: the module of this package, and its function from bytes to sections.
READERS = {
    ".md": ("text", "markdown"),
    ".txt": ("text", "plain"),
    ".html": ("text", "web_page"),
    ".htm": ("text", "web_page"),
    ".pdf": ("pdf", "pages"),
    ".docx": ("word", "sections"),
    ".xlsx": ("workbook", "sheets"),
    ".csv": ("table", "lines"),
}
# What is quick to read and cannot be made to take long; the others are read in a process of their own.
PLAIN = frozenset({".md", ".txt", ".csv"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says."""

    passages: tuple[Passage, ...]
    pages: int = 0  # that it has; 0: it is of a kind without pages


def ending_of(name: str) -> str:
    """The ending that tells how to read a file; empty if it is none that we read."""
    ending = Path(name).suffix.lower()
    return ending if ending in READERS else ""


def check(name: str, data: bytes) -> None:
    """Unreadable for what need not be looked into."""
    if not data:
        raise Unreadable("nothing")
    if len(data) > LARGEST:
        raise Unreadable("too_large")
    if not ending_of(name):
        raise Unreadable("unknown_kind")


def read(name: str, data: bytes) -> Reading:
    """The document in a file of this name; Unreadable if it is none. Broken ones may raise anything."""
    check(name, data)
    name = clean(name)
    module, function = READERS[ending_of(name)]
    reader = getattr(import_module(f"nlu.documents.{module}"), function)
    passages: list[Passage] = []
    pages = 0
    left = LONGEST_TEXT
    for section in cast(Callable[[bytes], Iterable[Section]], reader)(data):
        left -= len(section.body)
        if left < 0:
            raise Unreadable("too_long")
        pages = max(pages, section.page)
        passages += cut(name, [Section(clean(section.title), clean(section.body), section.page)])
        if len(passages) > MOST_PASSAGES:
            raise Unreadable("too_long")
    if not passages:
        raise Unreadable("no_text")
    return Reading(tuple(passages), pages)
