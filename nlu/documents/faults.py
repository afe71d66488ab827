"""Why a file cannot be read as a document, and how much of one is read."""

from __future__ import annotations

from typing import Literal, get_args

LARGEST = 20 * 1024 * 1024  # bytes of a file
MOST_PAGES = 500
LONGEST_TEXT = 1_000_000  # characters of a document, titles aside
MOST_PASSAGES = 5000  # of a document: of a heading for each word there are as many as there are words
MOST_UNPACKED = 64 * 1024 * 1024  # bytes of one part of a file that is packed
Fault = Literal[
    "nothing",  # the file is empty
    "too_large",
    "unknown_kind",  # by its ending
    "not_its_kind",  # the bytes are not what the ending says
    "encrypted",
    "broken",
    "no_text",  # nothing but pictures, as a scanner makes them
    "letters",  # its fonts do not say which letters they draw
    "no_encoding",  # text in an encoding that is not expected
    "too_many_pages",
    "too_long",
    "unpacked",  # it unpacks to more than any document has
    "too_slow",
    "closed",  # the system does not let us read it
    "busy",  # too many are being read already
]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Unreadable(Exception):
    """A file that is no document we can read. `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault
