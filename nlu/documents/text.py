"""Markdown, plain text and HTML as sections."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlu.documents.faults import LONGEST_TEXT, Unreadable
from nlu.documents.passages import Headings, Section
from nlu.documents.web_page import text_of

_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
_UNDERLINE = re.compile(r"(=|-)\1{2,}\s*$")
_MARKUP = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|^\s{0,3}>\s?", re.MULTILINE)
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def decode(data: bytes) -> str:
    """The bytes as text: UTF-8 with or without its mark, UTF-16 with its mark, else GB18030."""
    for encoding in (_MARKS.get(data[:2], "utf-8-sig"), "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable("no_encoding")


def markdown(data: bytes) -> Iterator[Section]:
    """Sections by the headings of Markdown; its marks are left out."""
    for section in _sections(decode(data), marked=True):
        yield Section(section.title, _MARKUP.sub("", section.body))


def plain(data: bytes) -> Iterator[Section]:
    """One section without a title."""
    return _sections(decode(data), marked=False)


def web_page(data: bytes) -> Iterator[Section]:
    """Sections by the headings of a page; scripts and what they would draw are left out."""
    return _sections(text_of(decode(data)), marked=True)


def _sections(text: str, *, marked: bool) -> Iterator[Section]:
    """Titles only where headings are marked as such."""
    if len(text) > 2 * LONGEST_TEXT:  # Marks and titles, too, are less than that of any document.
        raise Unreadable("too_long")
    headings = Headings()
    body: list[str] = []
    for line in text.splitlines():
        heading = _heading(line) if marked else None
        below = _UNDERLINE.match(line) if marked and body and body[-1].strip() else None
        if not (heading or below):
            body.append(line)
            continue
        depth, said = heading or (1 if below and below[1] == "=" else 2, body.pop().strip())
        yield Section(headings.path, "\n".join(body))
        headings.enter(depth, said)
        body = []
    yield Section(headings.path, "\n".join(body))


def _heading(line: str) -> tuple[int, str] | None:
    """A heading's depth and words, without the marks that may close it."""
    found = _HEADING.match(line)
    if not found:
        return None
    said = found[2].rstrip()
    bare = said.rstrip("#")
    return len(found[1]), bare.rstrip() if bare[-1:].isspace() else said
