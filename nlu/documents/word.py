"""DOCX as sections: its headings become titles, a row of a table is a line. It knows no pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from nlu.documents.faults import Unreadable
from nlu.documents.packed import Packed, attribute
from nlu.documents.passages import Headings, Section

_DOCUMENT, _STYLES = "word/document.xml", "word/styles.xml"
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
# What stands there twice, for older programs; what was moved away.
_PASSED_OVER = frozenset({"Fallback", "moveFrom"})
_BODY_LEVEL = 9  # the outline's level of what is no heading


def sections(data: bytes) -> Iterator[Section]:
    """The sections of a document."""
    packed = Packed(data)
    if _DOCUMENT not in packed:
        raise Unreadable("not_its_kind")
    body = _Body(_levels(packed) if _STYLES in packed else {})
    for begins, name, element in packed.events(_DOCUMENT):
        if begins:
            body.begin(name)
        elif found := body.end(name, element):
            yield found
    yield body.section()


class _Body:
    """What was read since the last heading."""

    def __init__(self, levels: dict[str, int]) -> None:
        self._levels = levels  # of headings, by the id of their style
        self._headings = Headings()
        self._paragraphs: list[str] = []
        self._cells: list[list[str]] = []  # of the rows that are open, the innermost last
        self._text: list[str] = []
        self._level: int | None = None
        self._unread = 0

    def section(self) -> Section:
        found = Section(self._headings.path, "\n\n".join(self._paragraphs))
        self._paragraphs = []
        return found

    def begin(self, name: str) -> None:
        if name in _PASSED_OVER:
            self._unread += 1
        elif name == "tr":
            self._cells.append([])
        elif name == "tc" and self._cells:
            self._cells[-1].append("")

    def end(self, name: str, element: Element) -> Section | None:
        """The section that ends where this heading does."""
        if name in _PASSED_OVER:
            self._unread -= 1
        elif self._unread:
            return None
        elif name == "t":
            self._text.append(element.text or "")
        elif name in ("tab", "br", "cr"):
            self._text.append("\n" if name == "br" else " ")
        elif name == "pStyle":
            self._level = self._levels.get(attribute(element, "val"), self._level)
        elif name == "outlineLvl":
            self._level = _level(attribute(element, "val"), self._level)
        elif name == "tr" and self._cells:
            self._say(" | ".join(cell for cell in self._cells.pop() if cell))
        elif name == "p":
            element.clear()
            return self._paragraph()
        return None

    def _paragraph(self) -> Section | None:
        said = re.sub(r"[ \t]+", " ", "".join(self._text)).strip()
        level, self._level, self._text = self._level, None, []
        if level is None or self._cells or not said:
            self._say(said)
            return None
        found = self.section()
        self._headings.enter(level, " ".join(said.split()))
        return found

    def _say(self, said: str) -> None:
        if not said:
            return
        if self._cells and self._cells[-1]:
            before = self._cells[-1][-1]
            self._cells[-1][-1] = f"{before} {said}".strip()
        else:
            self._paragraphs.append(said)


def _levels(packed: Packed) -> dict[str, int]:
    """The depth of headings by the id of their style, whose name is the same in every language."""
    found: dict[str, int] = {}
    named = level = None
    for begins, name, element in packed.events(_STYLES):
        if begins and name == "style":
            named = level = None
        elif begins:
            continue
        elif name == "name":
            named = _depth(attribute(element, "val"))
        elif name == "outlineLvl":
            level = _level(attribute(element, "val"), None)
        elif name == "style":
            depth = named if named is not None else level
            if depth is not None:
                found[attribute(element, "styleId")] = depth
            element.clear()
    return found


def _depth(name: str) -> int | None:
    if heading := _HEADING.fullmatch(name):
        return int(heading[1])
    return 0 if name.lower() == "title" else None


def _level(value: str, otherwise: int | None) -> int | None:
    if not value.isdecimal():
        return otherwise
    return int(value) + 1 if int(value) < _BODY_LEVEL else None
