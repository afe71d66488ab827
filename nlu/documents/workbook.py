"""XLSX as sections, one a sheet, as its cells were shown last: numbers plain, dates as 2026-03-01."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from nlu.documents.faults import LONGEST_TEXT, Unreadable
from nlu.documents.packed import Packed, attribute
from nlu.documents.passages import Section
from nlu.documents.table import in_words

_BOOK, _LINKS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_SHARED, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})  # built-in formats
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001  (a day of a calendar, in no zone)
_MOST_COLUMNS = 200


def sheets(data: bytes) -> Iterator[Section]:
    """The sheets of a workbook."""
    packed = Packed(data)
    if _BOOK not in packed:
        raise Unreadable("not_its_kind")
    links = {
        attribute(element, "Id"): attribute(element, "Target")
        for begins, name, element in _events(packed, _LINKS)
        if begins and name == "Relationship"
    }
    shared, dates = list(_shared(packed)), _date_styles(packed)
    for begins, name, element in packed.events(_BOOK):
        if begins and name == "sheet" and attribute(element, "state") in ("", "visible"):
            target = posixpath.normpath(posixpath.join("/xl", links.get(attribute(element, "id"), "")))
            rows = _rows(packed, target.lstrip("/"), shared, dates)
            yield Section(attribute(element, "name"), in_words(rows))


def _events(packed: Packed, part: str) -> Iterator[tuple[bool, str, Element]]:
    return packed.events(part) if part in packed else iter(())


def _shared(packed: Packed) -> Iterator[str]:
    """Texts that cells name by their number."""
    said: list[str] = []
    left = LONGEST_TEXT
    for begins, name, element in _events(packed, _SHARED):
        if begins:
            continue
        if name == "t":
            said.append(element.text or "")
        elif name == "si":
            text = "".join(said)
            left -= len(text)
            if left < 0:
                raise Unreadable("too_long")
            yield text
            said = []
            element.clear()


def _date_styles(packed: Packed) -> frozenset[int]:
    """The numbers of the styles that show a number as a date."""
    own: dict[str, str] = {}
    dates, place, of_cells = set(), 0, False
    for begins, name, element in _events(packed, _STYLES):
        if name == "cellXfs":
            of_cells = begins
        elif begins and name == "numFmt":
            own[attribute(element, "numFmtId")] = _QUOTED.sub("", attribute(element, "formatCode")).lower()
        elif begins and name == "xf" and of_cells:
            number = attribute(element, "numFmtId")
            shown = own.get(number, "")
            if (number.isdecimal() and int(number) in _DATES) or ("y" in shown and "m" in shown):
                dates.add(place)
            place += 1
    return frozenset(dates)


def _rows(packed: Packed, part: str, shared: list[str], dates: frozenset[int]) -> Iterator[list[str]]:
    row: dict[int, str] = {}
    value = ""
    for begins, name, element in _events(packed, part):
        if begins:
            continue
        if name in ("v", "t"):
            value = f"{value}{element.text or ''}"
        elif name == "c":
            column = _column(attribute(element, "r"), len(row))
            if column < _MOST_COLUMNS:
                row[column] = _shown(value, element.attrib, shared, dates)
            value = ""
        elif name == "row":
            yield [row.get(place, "") for place in range(max(row, default=-1) + 1)]
            row = {}
            element.clear()


def _shown(value: str, cell: Mapping[str, str], shared: list[str], dates: frozenset[int]) -> str:
    kind, style = cell.get("t", "n"), cell.get("s", "")
    if kind == "s":
        return shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
    if kind != "n" or not value:
        return value
    try:
        number = float(value)
        if style.isdecimal() and int(style) in dates:
            moment = _FIRST_DAY + timedelta(days=number)
            return f"{moment:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
        return f"{number:.15g}"
    except (ValueError, OverflowError):
        return value


def _column(reference: str, otherwise: int) -> int:
    """AB12 is 27."""
    letters = re.match("[A-Z]{1,3}", reference)
    if not letters:
        return otherwise
    place = 0
    for letter in letters[0]:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1
