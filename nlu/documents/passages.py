"""Passages: the pieces of documents that are searched, quoted and cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LONGEST_PASSAGE = 500  # characters with its title: so much of a text is looked at to compare it
LONGEST_TITLE = 160
_SENTENCE_END = re.compile(r"(?<=[。！？!?；;])|(?<=\.)\s|\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, under the headings that it stands below."""

    document: str  # the file's name, or its path within the folder
    title: str
    text: str
    page: int = 0  # from 1; 0: the document has no pages

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below one heading, or on one page of it: paragraphs with blank lines between them."""

    title: str
    body: str
    page: int = 0


@dataclass(slots=True)
class Headings:
    """The headings that a place in a document stands below, by their depth."""

    _titles: dict[int, str] = field(default_factory=dict)

    def enter(self, depth: int, title: str) -> None:
        """A heading begins: it ends those that are as deep or deeper."""
        kept = {level: said for level, said in self._titles.items() if level < depth}
        self._titles = kept | {depth: title}

    @property
    def path(self) -> str:
        """All of them, as a passage's title."""
        return " › ".join(self._titles[level] for level in sorted(self._titles))[:LONGEST_TITLE]


def cut(document: str, sections: Iterable[Section]) -> Iterator[Passage]:
    """The sections in passages; one without a title has the document's name for it."""
    for section in sections:
        title = section.title or Path(document).stem[:LONGEST_TITLE]
        for piece in _pieces(section.body, LONGEST_PASSAGE - len(title) - 1):
            yield Passage(document, title, piece, section.page)


def _pieces(body: str, size: int) -> Iterator[str]:
    """Paragraphs, joined as long as they fit; one that is too long is cut between sentences."""
    piece = ""
    for part in _parts(body, size):
        if piece and len(piece) + len(part) + 1 > size:
            yield piece
            piece = ""
        piece = f"{piece}\n{part}" if piece else part
    if piece:
        yield piece


def _parts(body: str, size: int) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", body):
        said = "\n".join(line.strip() for line in paragraph.splitlines() if line.strip())
        if len(said) <= size:
            if said:
                yield said
            continue
        rest = ""
        for sentence in _SENTENCE_END.split(said):
            if rest and len(rest) + len(sentence) + 1 > size:
                yield rest
                rest = ""
            rest = f"{rest} {sentence.strip()}".strip()
            while len(rest) > size:
                yield rest[:size]
                rest = rest[size:]
        if rest:
            yield rest
