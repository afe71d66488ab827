"""The outline of a PDF: the titles that lead to its pages."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import Destination

from nlu.documents.lines import plain
from nlu.documents.passages import Headings

_MOST_TITLES = 2000
_DEEPEST = 6
# What pypdf raises where a file is not as it should be. MemoryError is not among them.
FAULTY = (
    PyPdfError, ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError,
    OSError, RecursionError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Title:
    """A title, and all those above it with it."""

    said: str
    path: str


def outline_of(reader: PdfReader) -> Mapping[int, Sequence[Title]]:
    """By page, from 0: the titles that lead there. What of it is broken is left out."""
    found: dict[int, list[Title]] = {}
    headings = Headings()
    try:
        for depth, one in islice(_walked(reader.outline), _MOST_TITLES):
            said = plain(" ".join(str(one.title or "").split()))
            headings.enter(depth, said)
            number = reader.get_destination_page_number(one)
            if number is not None and said:
                found.setdefault(number, []).append(Title(said, headings.path))
    except FAULTY:
        return found
    return found


def _walked(outline: Sequence[Any], depth: int = 0) -> Iterator[tuple[int, Destination]]:
    for one in outline:
        if isinstance(one, list):
            if depth < _DEEPEST:
                yield from _walked(one, depth + 1)
        else:
            yield depth, one
