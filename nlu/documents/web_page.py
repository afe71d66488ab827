"""The words of a page in HTML, its headings marked as in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

_BLOCKS = re.compile("p|div|section|article|li|ul|ol|table|tr|td|th|br|hr|pre|blockquote|dd|dt")
_UNREAD = frozenset({"script", "style", "template", "noscript", "head", "svg"})


class _Text(HTMLParser):
    """The words of a page, headings as those of Markdown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._unread = 0  # A head need not be closed.
        elif tag in _UNREAD:
            self._unread += 1
        elif re.fullmatch("h[1-6]", tag):
            self.said.append(f"\n\n{'#' * int(tag[1])} ")
        elif _BLOCKS.fullmatch(tag):
            self.said.append("\n\n" if tag in ("p", "div", "section") else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(0, self._unread - 1)
        elif _BLOCKS.fullmatch(tag) or re.fullmatch("h[1-6]", tag):
            self.said.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.said.append(re.sub(r"\s+", " ", data))


def text_of(page: str) -> str:
    """The words of a page in HTML."""
    reader = _Text()
    reader.feed(page)
    reader.close()
    return "".join(reader.said)
