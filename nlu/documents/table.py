"""Rows of cells as text, each cell after the name of its column; CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from nlu.documents.faults import LONGEST_TEXT, Unreadable
from nlu.documents.passages import Section
from nlu.documents.text import decode

_LONGEST_HEAD = 100_000  # characters of the first row, which says what stands between cells


def lines(data: bytes) -> Iterator[Section]:
    """A section of all rows of a CSV file."""
    text = decode(data)
    first = text[:_LONGEST_HEAD].splitlines()[:1]
    delimiter = max(",;\t", key=(first[0] if first else "").count)
    try:
        yield Section("", in_words(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
    except csv.Error as error:
        raise Unreadable("broken") from error


def in_words(rows: Iterable[Sequence[str]]) -> str:
    """Rows as paragraphs; the first names the columns if all of its cells hold words."""
    told: list[str] = []
    head: Sequence[str] | None = None
    left = LONGEST_TEXT
    for row in rows:
        cells = [" ".join(cell.split()) for cell in row]
        if not any(cells):
            continue
        if head is None:
            is_head = len(cells) > 1 and all(cell and not _is_number(cell) for cell in cells)
            head = cells if is_head else ()
            if is_head:
                continue
        told.append(_line(head, cells))
        left -= len(told[-1])
        if left < 0:
            raise Unreadable("too_long")
    if not told and head:
        told.append(" | ".join(head))
    return "\n\n".join(told)


def _line(head: Sequence[str], cells: Sequence[str]) -> str:
    if not head:
        return " | ".join(cell for cell in cells if cell)
    named = [f"{head[n]}: {cell}" if n < len(head) else cell for n, cell in enumerate(cells) if cell]
    return "; ".join(named)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True
